/**
 * `pgtq worker`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { multiple, withDefault } from "@optique/core/modifiers";
import { argument, option } from "@optique/core/primitives";
import { choice, float, string } from "@optique/core/valueparser";
import { Worker } from "../engine/worker.ts";
import { count, databaseOptions, defineCommand, listenUrl } from "./command.ts";
import { databaseAddress, openDatabase } from "./database.ts";
import type { Host } from "./host.ts";
import { logTo } from "./logs.ts";
import { loadProcessors } from "./modules.ts";
import { counted } from "./output.ts";

const noModule = message`Expected a module that exports processors.`;

const parser = object({
  modules: multiple(
    argument(string({ metavar: "MODULE" }), {
      description: message`A file such as tasks.ts, or a package, that exports processors.`,
    }),
    { min: 1, errors: { tooFew: noModule } },
  ),
  concurrencyLimit: withDefault(
    option("--concurrency-limit", count(), { description: message`Tasks at once.` }),
    1,
  ),
  pollIntervalSeconds: withDefault(
    option("--poll-interval-seconds", positive("SECONDS"), {
      description:
        message`How often an idle worker looks for tasks that no notification announces.`,
    }),
    1,
  ),
  pollExceptionIntervalSeconds: withDefault(
    option("--poll-exception-interval-seconds", positive("SECONDS"), {
      description: message`Pause after a database error.`,
    }),
    5,
  ),
  pruneInterval: withDefault(
    option("--prune-interval", positive("MINUTES"), {
      description: message`How often archives are pruned, in minutes.`,
    }),
    720,
  ),
  pruneBatchSize: withDefault(
    option("--prune-batch-size", count(), {
      description: message`Archived rows deleted per statement.`,
    }),
    1000,
  ),
  settle: withDefault(
    option("--settle", choice(["batched", "each"], { metavar: "WHEN" }), {
      description:
        message`When results are written: many at a time, or each before the slot's next task.`,
    }),
    "batched",
  ),
  include: multiple(option("--include", string({ metavar: "QUEUE" }), {
    description: message`Process only this queue; can be repeated.`,
  })),
  exclude: multiple(option("--exclude", string({ metavar: "QUEUE" }), {
    description: message`Leave this queue to others; can be repeated.`,
  })),
  ...databaseOptions,
  listenUrl,
}, { errors: { endOfInput: noModule } });

/** Runs processors until it is told to stop. */
export const worker = defineCommand({
  parser,
  examples: [
    "tasks.ts",
    "tasks.ts --concurrency-limit 10 --embedded",
    "mails.ts pages.ts --include mails --poll-interval-seconds 0.5",
  ],
  async run({ modules, include, exclude, ...options }, host) {
    await openDatabase(options, host);
    const processors = await loadProcessors(modules, host.cwd, { include, exclude });
    await logTo(host.stderr);
    const worker = new Worker({
      processors,
      concurrencyLimit: options.concurrencyLimit,
      pollInterval: options.pollIntervalSeconds,
      pollExceptionInterval: options.pollExceptionIntervalSeconds,
      pruneInterval: options.pruneInterval * 60,
      pruneBatchSize: options.pruneBatchSize,
      settle: options.settle,
    });
    const queues = processors.map(({ queue }) => queue.name).join(", ");
    await runUntilTold(worker, `${queues} (${options.concurrencyLimit} at once)`, host);
  },
});

/** The first signal drains, the second one aborts. */
async function runUntilTold(worker: Worker, what: string, host: Host): Promise<void> {
  const say = (line: string) => host.stderr.write(`${line}\n`).catch(() => {});
  const count = { completed: 0, retried: 0, dead: 0 };
  for (const name of ["completed", "retried", "dead"] as const) {
    worker.on(name, () => count[name]++);
  }
  let told = 0;
  using _ = host.interrupts.take(() => {
    told++;
    void say(told === 1 ? "stopping: running tasks may finish, again to abort them" : "aborting");
    void (told === 1 ? worker.stop() : worker.abort());
  });
  await say(`processing ${what} on ${databaseAddress()}, Ctrl-C stops`);
  await worker.run();
  await say(
    `stopped: ${
      counted(count.completed, "task")
    } done, ${count.retried} retried, ${count.dead} dead`,
  );
}

/** A number above zero. */
function positive(metavar: "SECONDS" | "MINUTES") {
  return float({ min: 0.001, metavar });
}
