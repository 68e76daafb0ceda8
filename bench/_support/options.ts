/**
 * What a bench file can be told: `[--quick] [--tasks n] [--rounds n] [--only text]`.
 *
 * @module
 */

import process from "node:process";
import { parseArgs } from "node:util";

/** How much a bench measures. */
export interface Counts {
  readonly tasks: number;
  readonly rounds: number;
}

/** Counts, and whether less is measured than the claim is about. */
export interface Options extends Counts {
  /** Only contenders with this in their names take part. */
  readonly only: string;
  readonly trial: boolean;
}

/** The full counts unless the command line asks for less. */
export function optionsOf(full: Counts, quick: Counts): Options {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      quick: { type: "boolean", default: false },
      tasks: { type: "string" },
      rounds: { type: "string" },
      only: { type: "string", default: "" },
    },
  });
  const base = values.quick ? quick : full;
  const tasks = whole(values.tasks) ?? base.tasks;
  const rounds = whole(values.rounds) ?? base.rounds;
  const { only } = values;
  const trial = tasks < full.tasks || rounds < full.rounds || only !== "";
  return { tasks, rounds, only, trial };
}

function whole(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new TypeError(`Counts are whole numbers of at least 1: ${text}`);
}
