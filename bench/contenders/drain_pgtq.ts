/**
 * A pgtq worker with default options, and instant handlers.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";

setup({ url: databaseUrl() });

const queueOf = (archive: unknown) => createQueue("bench_drain", { archive: archive === true });

await contend({
  async prepare({ tasks, archive }) {
    const queue = queueOf(archive);
    await queue.drop();
    await queue.create();
    await inChunks(tasks, (numbers) => queue.enqueueMany(numbers.map((n) => ({ n }))));
  },
  async run({ tasks, archive }) {
    const onTask = processor(queueOf(archive), () => {});
    const worker = new Worker({ processors: [onTask], concurrencyLimit: 10 });
    const { completed } = await worker.drain();
    if (completed !== tasks) throw new Error(`${completed} of ${tasks} tasks were completed`);
  },
  finish: close,
});
