/**
 * Workers on one queue whose processor has rules, or none, on the same tasks.
 *
 * @module
 */

import { close, createQueue, processor, setup, Worker } from "../../mod.ts";
import { contend, databaseUrl, type Settings } from "../_support/contender.ts";
import { insertTasks } from "../_support/tasks.ts";

setup({ url: databaseUrl() });
const queue = createQueue("bench_rules");

/** Instant handlers, under the rules of the settings. */
function processorOf({ grouped, limit }: Settings) {
  const options = {
    grouped: grouped === true,
    ...(limit === undefined ? {} : { concurrencyLimit: Number(limit) }),
  };
  return processor(queue, options, () => {});
}

await contend({
  async prepare({ tasks, groups }) {
    await queue.drop();
    await queue.create();
    await insertTasks(queue, {
      count: tasks,
      groups: groups === undefined ? undefined : Number(groups),
    });
  },
  // Not `drain`: a worker would be done as soon as the others hold all that the limit allows.
  async run({ tasks, workers = 1, ...settings }) {
    const processors = [processorOf({ tasks, ...settings })];
    const crew = Array.from(
      { length: Number(workers) },
      () => new Worker({ processors, concurrencyLimit: 10 }),
    );
    const stop = () => void crew.forEach((worker) => worker.stop());
    const errors: unknown[] = [];
    let left = tasks;
    for (const worker of crew) {
      worker.on("completed", () => void (--left === 0 && stop()));
      worker.on("error", ({ error }) => {
        errors.push(error);
        stop();
      });
    }
    await Promise.all(crew.map((worker) => worker.run()));
    if (errors.length > 0) throw new AggregateError(errors, `Errors: ${errors.join("; ")}`);
    if (left !== 0) throw new Error(`${tasks - left} of ${tasks} tasks were completed`);
  },
  finish: close,
});
