/**
 * Runs a bench: contenders as processes, alternating rounds, tables and JSON.
 *
 * To add one, write `bench/<name>.ts` with a doc comment that names the claim and
 *
 * ```ts
 * await bench({
 *   name: "drain",
 *   claim: "a worker drains a full queue faster than others",
 *   full: { tasks: 100_000, rounds: 5 },
 *   quick: { tasks: 5_000, rounds: 1 },
 *   contenders: [
 *     { name: "pgtq", script: contender("drain_pgtq.ts"), settings: { archive: true } },
 *     { name: "other", script: peer("other_drain.mjs"), share: 0.1 },
 *   ],
 *   comparisons: [{ figure: "rate", of: "pgtq", to: "other", atLeast: 2.5 }],
 * });
 * ```
 *
 * A contender script is in `bench/contenders/` (runs on the runtime of the bench) or `bench/peers/`
 * (runs on Node); see `contender.ts` for what it does. Before each round it prepares itself, then the
 * database is vacuumed and checkpointed, then the round is measured. Contenders with other figures
 * than the usual ones return them from `run`, and `figures` says which the tables show.
 * `scripts/bench.ts` finds the file by itself.
 *
 * @module
 */

import { availableParallelism, cpus } from "node:os";
import process from "node:process";
import { type Child, start } from "./child.ts";
import type { Figures, Settings } from "./contender.ts";
import { read } from "./meters.ts";
import { type Counts, optionsOf } from "./options.ts";
import { type Comparison, judge, type Result, save } from "./result.ts";
import { alternate } from "./rounds.ts";
import { peerVersions, runtimeVersion } from "./runtimes.ts";
import {
  calm,
  createDatabase,
  type Database,
  serverSettings,
  serverVersion,
  startServer,
} from "./server.ts";
import { circumstances, tables } from "./tables.ts";

/** A bench. */
export interface Bench {
  readonly name: string;
  readonly claim: string;
  /** The counts that the claim is about. */
  readonly full: Counts;
  /** The counts of a smoke run. */
  readonly quick: Counts;
  readonly contenders: readonly ContenderSpec[];
  /** What the tables show; by default rate, CPU times and log. */
  readonly figures?: readonly string[];
  readonly comparisons: readonly Comparison[];
}

/** A contender, and how it differs from others that share its script. */
export interface ContenderSpec {
  readonly name: string;
  readonly script: URL;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** The share of the tasks that it gets: rates are compared, and a slow one needn't take all day. */
  readonly share?: number;
  /** What goes on in the database while it is measured: from after its preparation to its finish. */
  readonly during?: (database: Database) => Promise<AsyncDisposable>;
}

/** A script in `bench/contenders/`. */
export const contender = (file: string) => new URL(`../contenders/${file}`, import.meta.url);

/** A script in `bench/peers/`. */
export const peer = (file: string) => new URL(`../peers/${file}`, import.meta.url);

const usualFigures = ["rate", "clientMicros", "serverMicros", "walBytes"];

/** A warm-up has this share of a round's tasks. */
const warmUpShare = 0.1;

/** Runs a bench, prints and keeps what it found. */
export async function bench(whole: Bench): Promise<Result> {
  const { trial, only, ...counts } = optionsOf(whole.full, whole.quick);
  const spec = part(whole, only);
  await using stack = new AsyncDisposableStack();
  endWithSignals(stack);
  const server = stack.use(await startServer());
  const database = stack.use(await createDatabase(server.url));
  const fighters = await Promise.all(spec.contenders.map(async (contender) => {
    const child = stack.use(await start(contender.script, database.url));
    const settingsOf = (share: number): Settings => ({
      ...contender.settings,
      tasks: Math.max(1, Math.round(counts.tasks * (contender.share ?? 1) * share)),
    });
    const round = (share = 1) => measure(child, database, settingsOf(share), contender.during);
    return { name: contender.name, round: () => round(), warmUp: () => round(warmUpShare) };
  }));
  for (const { warmUp } of fighters) await warmUp();
  const rounds = await alternate(fighters, counts.rounds, tell);
  const { figures = usualFigures, comparisons } = spec;
  const result: Result = {
    name: spec.name,
    claim: spec.claim,
    ...await whereAndHow(spec, database, counts),
    ...judge(rounds, figures, comparisons),
  };
  save(result, trial);
  console.log(`\n${spec.name}: ${spec.claim}\n${circumstances(result)}\n\n${tables(result)}\n`);
  return result;
}

/** The bench with only some of its contenders. */
function part(bench: Bench, only: string): Bench {
  const contenders = bench.contenders.filter(({ name }) => name.includes(only));
  const names = new Set(contenders.map(({ name }) => name));
  const comparisons = bench.comparisons.filter(({ of, to = of }) => names.has(of) && names.has(to));
  return { ...bench, contenders, comparisons };
}

/** One round of one contender. */
async function measure(
  child: Child,
  database: Database,
  settings: Settings,
  during: ContenderSpec["during"],
): Promise<Figures> {
  const { sql } = database;
  await child.ask("prepare", settings);
  await calm(sql);
  await using _ = await during?.(database);
  const before = await read(sql);
  const { elapsedMs, cpuMs, ...others } = await child.ask("go", settings);
  const after = await read(sql);
  await child.ask("finish", settings);
  const perTask = (value: number) => value / settings.tasks;
  return {
    rate: settings.tasks / elapsedMs! * 1000,
    clientMicros: perTask(cpuMs! * 1000),
    ...(before.cpuMs === undefined || after.cpuMs === undefined
      ? {}
      : { serverMicros: perTask((after.cpuMs - before.cpuMs) * 1000) }),
    walBytes: perTask(after.walBytes - before.walBytes),
    ...others,
  };
}

async function whereAndHow({ contenders }: Bench, { sql }: Database, counts: Counts) {
  const withPeers = contenders.some(({ script }) => script.pathname.includes("/peers/"));
  return {
    date: new Date().toISOString(),
    runtime: runtimeVersion,
    postgres: await serverVersion(sql),
    cpu: { count: availableParallelism(), model: cpus()[0]?.model ?? "unknown" },
    settings: {
      counts,
      contenders: Object.fromEntries(contenders.map(({ name, settings, share }) => {
        return [name, { ...settings, ...(share === undefined ? {} : { share }) }];
      })),
      ...(withPeers ? { peers: peerVersions() } : {}),
      server: await serverSettings(sql),
    },
  };
}

function tell(round: number, name: string, figures: Figures): void {
  const values = Object.entries(figures).map(([figure, value]) => `${figure} ${value.toFixed(1)}`);
  console.error(`round ${round}, ${name}: ${values.join(", ")}`);
}

/** The server must not outlive a bench that is interrupted. */
function endWithSignals(stack: AsyncDisposableStack): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void stack.disposeAsync().finally(() => process.exit(1)));
  }
}
