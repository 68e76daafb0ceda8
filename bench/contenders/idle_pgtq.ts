/**
 * A worker with default options on an empty queue, watched for a while.
 *
 * @module
 */

import process from "node:process";
import postgres from "postgres";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import type { Sql } from "../../src/db/connection.ts";
import { contend, databaseUrl } from "../_support/contender.ts";

/** So long after its first look a worker has opened its connections, and looked again. */
const settlingMs = 2000;

let statements = 0;
const count = () => void statements++;
// The worker's own connections are opened in the same way, and count, too.
const sql = postgres(databaseUrl(), {
  debug: count,
  fetch_types: false,
  onnotice: () => {},
}) as Sql;
setup({ sql });
const queue = createQueue("bench_idle");

let worker: Worker;
let running: Promise<void>;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

await contend({
  async prepare({ strict }) {
    await queue.create();
    const rules = strict ? { grouped: true, concurrencyLimit: 10 } : {};
    worker = new Worker({ processors: [processor(queue, rules, () => {})], concurrencyLimit: 10 });
    const idle = new Promise<void>((resolve) => worker.on("idle", () => resolve()));
    running = worker.run();
    await idle;
    await pause(settlingMs);
  },
  async run({ tasks: seconds }) {
    const [before, cpu] = [statements, process.cpuUsage()];
    await pause(seconds * 1000);
    const { user, system } = process.cpuUsage(cpu);
    return {
      statements: (statements - before) / seconds,
      cpu: (user + system) / 1_000_000 / seconds * 100,
    };
  },
  async finish() {
    await worker.stop();
    await running;
  },
});
