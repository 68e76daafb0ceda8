/**
 * What can be said about a stress run.
 *
 * @module
 */

import { parseArgs } from "node:util";

/** The options of a run, with defaults. */
export interface Options {
  /** Worker processes at any time; those that are killed are replaced. */
  readonly workers: number;
  /** Tasks at once in one worker. */
  readonly slots: number;
  readonly groups: number;
  readonly tasks: number;
  /** Connections that enqueue at once; each has groups of its own. */
  readonly producers: number;
  /** Workers killed while the tasks are processed. */
  readonly kills: number;
  /** Workers that are stopped for longer than their lease and then go on. */
  readonly freezes: number;
  /** The `concurrencyLimit` of the processor; `undefined` for none. */
  readonly limit: number | undefined;
  readonly grouped: boolean;
  readonly lifo: boolean;
  readonly leaseMs: number;
  readonly seed: number;
  /** After this long the run is over, finished or not. */
  readonly maxMs: number;
}

/** The text of `--help`. */
export const usage = `deno task stress [options]

  --workers 8       worker processes
  --slots 5         tasks at once in one worker
  --groups 1000     groups of tasks
  --tasks 50000     tasks in all
  --producers 6     producers that enqueue at once
  --kills 20        workers killed on the way, and replaced
  --freeze 0        workers stopped (SIGSTOP) for longer than their lease on the way
  --limit 20        concurrencyLimit over all workers; 0 for none
  --limit-only      a queue without order: no groups
  --lifo            newest first
  --lease 5         seconds
  --seed N          for all that is random but time; a new one by default
  --max-seconds 600 the run stops after this, finished or not`;

/** Reads the command line; `undefined` if it asks for help. */
export function parse(args: readonly string[], newSeed: number): Options | undefined {
  const text = { type: "string" } as const;
  const flag = { type: "boolean", default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      workers: { ...text, default: "8" },
      slots: { ...text, default: "5" },
      groups: { ...text, default: "1000" },
      tasks: { ...text, default: "50000" },
      producers: { ...text, default: "6" },
      kills: { ...text, default: "20" },
      freeze: { ...text, default: "0" },
      limit: { ...text, default: "20" },
      "limit-only": flag,
      lifo: flag,
      lease: { ...text, default: "5" },
      seed: { ...text, default: String(newSeed) },
      "max-seconds": { ...text, default: "600" },
      help: flag,
    },
  });
  if (values.help) return undefined;
  return {
    workers: number("workers", values.workers, 1),
    slots: number("slots", values.slots, 1),
    groups: number("groups", values.groups, 1),
    tasks: number("tasks", values.tasks, 1),
    producers: number("producers", values.producers, 1),
    kills: number("kills", values.kills, 0),
    freezes: number("freeze", values.freeze, 0),
    limit: number("limit", values.limit, 0) || undefined,
    grouped: !values["limit-only"],
    lifo: values.lifo,
    leaseMs: 1000 * number("lease", values.lease, 1),
    seed: number("seed", values.seed, 0),
    maxMs: 1000 * number("max-seconds", values["max-seconds"], 1),
  };
}

function number(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  throw new TypeError(`--${name} must be a whole number of at least ${least}: it is ${text}`);
}
