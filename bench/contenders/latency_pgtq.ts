/**
 * An idle pgtq worker with default options, woken by single tasks.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { latencies } from "../_support/latencies.ts";

setup({ url: databaseUrl() });
const queue = createQueue("bench_latency");

let worker: Worker;
let running: Promise<void>;
let started = () => {};

await contend({
  async prepare() {
    await queue.create();
    worker = new Worker({ processors: [processor(queue, () => started())] });
    const idle = new Promise<void>((resolve) => worker.on("idle", () => resolve()));
    running = worker.run();
    await idle;
  },
  run: ({ tasks }) =>
    latencies(tasks, (onStart) => {
      started = onStart;
      return queue.enqueue({});
    }),
  async finish() {
    await worker.stop();
    await running;
    await close();
  },
});
