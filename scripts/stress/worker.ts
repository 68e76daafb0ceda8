/**
 * A worker of a stress run, as a process to be killed: `worker.ts <options as JSON>`.
 *
 * Prints `ready` when its first handler runs, and errors of the worker. It stops on SIGTERM, and at
 * once when its standard input ends, as then its parent is gone.
 *
 * @module
 */

import process from "node:process";
import postgres from "postgres";
import { PermanentError, processor, setup, type TaskContext, Worker } from "../../mod.ts";
import type { Sql } from "../../src/db/connection.ts";
import { type Entry, write } from "./database.ts";
import type { Outcome, Rules } from "./evidence.ts";
import { type Payload, queueOf } from "./queue.ts";

/** What a worker has to know. */
export interface Order {
  readonly url: string;
  readonly worker: string;
  readonly slots: number;
  readonly rules: Rules;
}

const { url, worker: name, slots, rules } = JSON.parse(process.argv[2]!) as Order;
setup({ url });
const sql = postgres(url, { max: 2, fetch_types: false }) as Sql;
/** The latest runs by task, oldest first. */
const runs = new Map<number, Entry[]>();
/** Handlers that run, also those whose task is lost, for which the worker doesn't wait. */
const handling = new Set<Promise<void>>();
const writing = new Set<Promise<void>>();
let count = 0;

const onTask = processor(queueOf(), {
  maxRetries: 5,
  retryDelay: "50ms",
  timeout: "10m",
  ...rules.grouped && { grouped: true },
  ...rules.lifo && { lifo: true },
  ...rules.limit && { concurrencyLimit: rules.limit },
}, (task: Payload, context) => tracked(handling, run(task, context)));

async function run(task: Payload, { id, attempt }: TaskContext): Promise<void> {
  if (count === 0) console.log("ready");
  const entry: Entry = {
    kind: "start",
    worker: name,
    run: ++count,
    task: id,
    group: rules.grouped ? task.group : String(id),
    attempt,
    outcome: null,
  };
  runs.set(id, [...runs.get(id) ?? [], entry]);
  await write(sql, entry);
  await new Promise((resolve) => setTimeout(resolve, task.ms));
  const outcome: Outcome = attempt <= task.fails ? "failed" : task.dies ? "dead" : "ok";
  await write(sql, { ...entry, kind: "end", outcome });
  if (outcome === "failed") throw new Error("a failure to try again after");
  if (outcome === "dead") throw new PermanentError("a failure for good");
}

/** The oldest run that has not been settled: a lane settles deliveries of a task in their order. */
function settled(id: number): Entry | undefined {
  const [oldest, ...others] = runs.get(id) ?? [];
  if (others.length > 0) runs.set(id, others);
  else runs.delete(id);
  return oldest;
}

function lost(id: number): void {
  const entry = settled(id);
  if (!entry) return; // it was not started
  void tracked(writing, write(sql, { ...entry, kind: "lost" }));
}

function tracked(all: Set<Promise<void>>, work: Promise<void>): Promise<void> {
  all.add(work);
  const done = () => void all.delete(work);
  work.then(done, done);
  return work;
}

const worker = new Worker({
  processors: [onTask],
  concurrencyLimit: slots,
  lease: rules.leaseMs / 1000,
  pollExceptionInterval: "500ms",
  maxCrashes: 1000,
});
worker.on("completed", ({ id }) => void settled(id));
worker.on("failed", ({ id }) => void settled(id));
worker.on("lost", ({ id }) => lost(id));
worker.on("error", ({ error }) => console.log(`error ${String(error).replaceAll("\n", " ")}`));

process.on("SIGTERM", () => void worker.stop());
process.stdin.on("end", () => process.exit(3)).resume();
await worker.run();
await Promise.allSettled(handling);
await Promise.all(writing);
await sql.end();
process.exit(0);
