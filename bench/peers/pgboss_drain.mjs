/**
 * pg-boss, by `work()` or by hand. Finished jobs stay in the table, as it always does.
 *
 * @module
 */

import { contend } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";
import { sumOfFlows } from "../_support/flows.ts";
import { freshQueue, queue, startBoss } from "./pgboss.mjs";

let boss;

/**
 * Settings, by its documentation: `burstWhenBatchFull`, without which a worker waits for the polling
 * interval after each batch; the shortest polling interval there is; a queue with a table of its own.
 * Two workers, as one leaves the server idle while it handles a batch. Of batches of 500, 1000 and
 * 2000, with two workers or three, this is best.
 */
const workOptions = {
  batchSize: 1000,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  localConcurrency: 2,
};

/** `work()`, until the last batch is completed; a batch counts as soon as it is handed over. */
async function work(tasks) {
  let count = 0;
  const all = Promise.withResolvers();
  await boss.work(queue, workOptions, (jobs) => {
    count += jobs.length;
    if (count >= tasks) all.resolve();
    return Promise.resolve();
  });
  await all.promise;
  // Waits for the workers, which complete their batches first.
  await boss.offWork(queue, { wait: true });
  return count;
}

/** `fetch` and `complete`: of 500, 1000, 2000 and 5000, in one to three flows, this is best. */
async function byHand() {
  const flow = async () => {
    for (let count = 0;;) {
      const jobs = await boss.fetch(queue, { batchSize: 2000 });
      if (jobs.length === 0) return count;
      await boss.complete(queue, jobs.map(({ id }) => id));
      count += jobs.length;
    }
  };
  return await sumOfFlows(2, flow);
}

await contend({
  async prepare({ tasks }) {
    boss = await startBoss();
    await freshQueue(boss, { partition: true });
    await inChunks(
      tasks,
      (numbers) => boss.insert(queue, numbers.map((n) => ({ data: { n } }))),
    );
  },
  async run({ tasks, hand }) {
    const count = hand ? await byHand() : await work(tasks);
    if (count !== tasks) {
      throw new Error(`${count} of ${tasks} jobs were fetched`);
    }
  },
  finish: () => boss.stop({ graceful: false }),
});
