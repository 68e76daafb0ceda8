/**
 * A worker with default options, and how much memory its process has while it drains a queue.
 *
 * @module
 */

import process from "node:process";
import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl, type Figures } from "../_support/contender.ts";
import { insertTasks } from "../_support/tasks.ts";

/** How often the memory is read in a round. */
const readings = 100;

setup({ url: databaseUrl() });
const queue = createQueue("bench_memory");

/** What the readings come to, in MB. */
function figuresOf(megabytes: readonly number[]): Figures {
  const quarter = (n: number) =>
    megabytes.slice(n * megabytes.length / 4, (n + 1) * megabytes.length / 4);
  const [rssSecond, rssLast] = [median(quarter(1)), median(quarter(3))];
  return { rssSecond, rssLast, rssGrowth: rssLast / rssSecond, rssMax: Math.max(...megabytes) };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

await contend({
  async prepare({ tasks }) {
    await queue.drop();
    await queue.create();
    await insertTasks(queue, { count: tasks });
  },
  async run({ tasks }) {
    const worker = new Worker({ processors: [processor(queue, () => {})], concurrencyLimit: 10 });
    const megabytes: number[] = [];
    let count = 0;
    worker.on("completed", () => {
      const due = ++count * readings >= (megabytes.length + 1) * tasks;
      if (due) megabytes.push(process.memoryUsage().rss / 2 ** 20);
    });
    await worker.drain();
    if (count !== tasks) throw new Error(`${count} of ${tasks} tasks were completed`);
    return figuresOf(megabytes);
  },
  finish: close,
});
