/**
 * `pgtq demo`
 *
 * @module
 */

import { resolve } from "node:path";
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { withDefault } from "@optique/core/modifiers";
import { argument, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { connection } from "../db/connection.ts";
import { createHashTable } from "../db/demo.ts";
import { now } from "../engine/clock.ts";
import { Worker } from "../engine/worker.ts";
import { count, databaseOptions, defineCommand } from "./command.ts";
import { databaseAddress, namesNoDatabase, openDatabase } from "./database.ts";
import { filesBelow } from "./demo/files.ts";
import { nextSteps, progressLine, summary } from "./demo/report.ts";
import { type Tally, tallyOf } from "./demo/tally.ts";
import { demoProcessor, demoQueue, queueName, tasksFor } from "./demo/tasks.ts";
import { Interrupted, messageOf, oneLine } from "./failures.ts";
import type { Host } from "./host.ts";
import { counted } from "./output.ts";
import { showProgress } from "./progress.ts";

/** In a pipe, a line this often tells that it goes on. */
const lineMs = 1000;

const parser = object({
  folder: withDefault(
    argument(string({ metavar: "FOLDER" }), { description: message`Where the files are.` }),
    ".",
  ),
  limit: withDefault(
    option("--limit", count(), { description: message`At most this many files.` }),
    2000,
  ),
  concurrencyLimit: withDefault(
    option("--concurrency-limit", count(), { description: message`Tasks at once.` }),
    10,
  ),
  ...databaseOptions,
});

/** The tour: real tasks, a real worker, a real Postgres. */
export const demo = defineCommand({
  parser,
  examples: ["", "~/Pictures --limit 500", "--database-url postgres://localhost/test"],
  async run({ folder, limit, concurrencyLimit, ...database }, host) {
    const files = await find(resolve(host.cwd, folder), limit);
    const embedded = database.embedded || namesNoDatabase(database, host);
    const say = (line: string) => host.stdout.write(`${line}\n`);
    const began = now();
    await openDatabase({ ...database, embedded }, host);
    const total = await fill(tasksFor(files));
    await say(`${embedded ? "Embedded Postgres in .pgtq" : "Postgres"}: ${databaseAddress()}`);
    await say(
      `${counted(total, "task")} in the queue ${queueName}, ready in ${ms(now() - began)}:\n` +
        `  ${counted(files.length, "file")} to hash, some made flaky, slow, stuck or invalid`,
    );
    const { tally, seconds } = await work(concurrencyLimit, total, host);
    await say(`Finished in ${seconds.toFixed(2)} s`);
    await host.stdout.write(summary(tally) + nextSteps(host.program, embedded));
  },
});

function ms(duration: number): string {
  return `${Math.round(duration)} ms`;
}

async function find(folder: string, limit: number): Promise<string[]> {
  const files = await filesBelow(folder, limit).catch((error) => {
    throw new Error(`Cannot look for files in ${folder}: ${messageOf(error)}`);
  });
  if (files.length === 0) throw new Error(`There are no files in ${folder}`);
  return files;
}

/** Creates what is missing and enqueues; returns how many tasks wait now. */
async function fill(tasks: readonly unknown[]): Promise<number> {
  await createHashTable(connection());
  const queue = demoQueue();
  await queue.create();
  await queue.enqueueMany(tasks);
  // An earlier demo may have been interrupted: what it left is done as well.
  return (await queue.stats()).queued;
}

/** Runs a worker until the queue is empty, and shows how far it is. */
async function work(concurrencyLimit: number, total: number, host: Host): Promise<Run> {
  const processor = demoProcessor(connection(), (bytes, trouble) => {
    tally.bytes += bytes;
    if (trouble === "slow") return;
    tally.quick++;
    tally.quickSeconds = seconds();
  });
  const worker = new Worker({ processors: [processor], concurrencyLimit, pruneInterval: null });
  const tally = tallyOf(worker);
  worker.on("error", ({ error }) => void host.stderr.write(`${oneLine(messageOf(error))}\n`));
  const began = now();
  const seconds = () => (now() - began) / 1000;
  let stopped = false;
  using _ = host.interrupts.take(() => {
    stopped = true;
    void worker.stop();
  });
  using _line = showProgress(host.stdout, () => progressLine(tally, total, seconds()), lineMs);
  await worker.drain();
  if (stopped) throw new Interrupted(`interrupted after ${counted(tally.done, "task")}`);
  return { tally, seconds: seconds() };
}

/** What a worker did, and in which time. */
interface Run {
  readonly tally: Tally;
  readonly seconds: number;
}
