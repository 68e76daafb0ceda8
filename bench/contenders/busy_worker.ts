/**
 * A worker on the queue of the producers: one that has a backlog before it and slow handlers, or one
 * that keeps up.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";

setup({ url: databaseUrl() });
const queue = createQueue("bench_notify");

let worker: Worker;
let running: Promise<void>;

const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 20));

await contend({
  async prepare({ backlog }) {
    const handler = backlog ? slow : () => {};
    worker = new Worker({ processors: [processor(queue, handler)], concurrencyLimit: 10 });
    const ready = new Promise<void>((resolve) =>
      worker.on(backlog ? "completed" : "idle", () => resolve())
    );
    running = worker.run();
    await ready;
  },
  run: () => Promise.resolve(),
  async finish() {
    await worker.stop();
    await running;
    await close();
  },
});
