/**
 * A worker with default options on due tasks that came after delayed ones.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { insertTasks, Stock } from "../_support/tasks.ts";

setup({ url: databaseUrl() });
const queueOf = (delayed: unknown) => createQueue(`bench_delayed_${delayed}`);
let stock: Stock;

await contend({
  async prepare({ tasks, delayed }) {
    const queue = queueOf(delayed);
    stock ??= new Stock(queue);
    await stock.fill(tasks * Number(delayed), { delay: "1 day" });
    await insertTasks(queue, { count: tasks });
  },
  async run({ tasks, delayed }) {
    const onTask = processor(queueOf(delayed), () => {});
    const worker = new Worker({ processors: [onTask], concurrencyLimit: 10 });
    const { completed } = await worker.drain();
    if (completed !== tasks) throw new Error(`${completed} of ${tasks} tasks were completed`);
  },
  finish: close,
});
