/**
 * An idle pg-boss worker, woken by `LISTEN` on a queue that notifies: both are options that are off
 * by default. Without them a job waits for the next poll, every 2 s or at best every 0.5 s.
 *
 * @module
 */

import { contend } from "../_support/contender.ts";
import { latencies } from "../_support/latencies.ts";
import { freshQueue, queue, startBoss } from "./pgboss.mjs";

let boss;
let started = () => {};

await contend({
  async prepare() {
    boss = await startBoss({ useListenNotify: true });
    await freshQueue(boss, { notify: true });
    const ready = new Promise((resolve) => started = resolve);
    await boss.work(queue, () => {
      started();
      return Promise.resolve();
    });
    await boss.send(queue, {});
    await ready;
  },
  run: ({ tasks }) =>
    latencies(tasks, (onStart) => {
      started = onStart;
      return boss.send(queue, {});
    }),
  finish: () => boss.stop({ graceful: true, timeout: 5000 }),
});
