/**
 * A worker with default options on a queue that is kept at its depth.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { Stock } from "../_support/tasks.ts";

const parts = 5;

setup({ url: databaseUrl() });
const queueOf = (depth: unknown) => createQueue(`bench_depth_${String(depth).replace(".", "_")}`);
let stock: Stock;

/** Drains so many tasks; returns how long it took, in milliseconds. */
async function drain(tasks: number, depth: unknown): Promise<number> {
  const onTask = processor(queueOf(depth), () => {});
  const worker = new Worker({ processors: [onTask], concurrencyLimit: 10 });
  const start = performance.now();
  const { completed } = await worker.drain({ maxTasks: tasks });
  if (completed !== tasks) throw new Error(`${completed} of ${tasks} tasks were completed`);
  return performance.now() - start;
}

await contend({
  async prepare({ tasks, depth }) {
    stock ??= new Stock(queueOf(depth));
    await stock.fill(Math.ceil(tasks * Number(depth)));
  },
  async run({ tasks, depth }) {
    const part = Math.ceil(tasks / parts);
    let elapsedMs = 0;
    for (let n = 0; n < parts; n++) {
      await stock.fill(Math.ceil(tasks * Number(depth)));
      elapsedMs += await drain(part, depth);
      stock.take(part);
    }
    return { rate: parts * part / elapsedMs * 1000 };
  },
  finish: close,
});
