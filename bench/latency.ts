/**
 * Claim: an idle worker starts a task about as fast as two round trips to the database take.
 *
 * `deno run -A bench/latency.ts [tasks]`; the database as for the tests.
 *
 * @module
 */

import process from "node:process";
import { close, createQueue, processor, setup, Worker } from "../mod.ts";
import { createTestDatabase } from "../tests/_support/database.ts";

const tasks = Number(process.argv[2] ?? 1000);

await using database = await createTestDatabase();
setup({ url: database.url });
const queue = createQueue("latency");
await queue.create();

let started = () => {};
const worker = new Worker({ processors: [processor(queue, () => started())] });
const idle = new Promise<void>((resolve) => worker.on("idle", () => resolve()));
const running = worker.run();
await idle;

/** Milliseconds, sorted. */
async function measure(run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < tasks; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b);
}

function show(name: string, times: readonly number[]): void {
  const at = (share: number) => times[Math.floor(share * (times.length - 1))]!.toFixed(2);
  console.log(`${name}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`);
}

const round = await measure(() => database.sql`select 1`);
const insert = await measure(() =>
  database.sql`insert into pgmq.a_latency (msg_id, vt)
  select coalesce(max(msg_id), 0) + 1, now() from pgmq.a_latency`
);
const handled = await measure(async () => {
  const handler = new Promise<void>((resolve) => started = resolve);
  await queue.enqueue({});
  await handler;
});
show("select 1", round);
show("one commit", insert);
show("enqueue → handler", handled);

await worker.stop();
await running;
await close();
process.exit();
