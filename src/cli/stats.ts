/**
 * `pgtq stats`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { flag } from "@optique/core/primitives";
import type { Stats } from "../db/admin.ts";
import { sleep } from "../engine/clock.ts";
import type { Queue } from "../queue.ts";
import { createQueue } from "../queue_create.ts";
import { databaseOptions, defineCommand, json, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";
import type { Host } from "./host.ts";
import { age, type Cell, jsonLines, table } from "./output.ts";
import { openQueue, openQueues } from "./queues.ts";

const watchMs = 1000;

const watch = flag("--watch", { description: message`Look again every second, until Ctrl-C.` });

/** Counts tasks by state. */
export const stats = defineCommand({
  parser: object({
    queue: optional(queueName),
    watch: withDefault(watch, false),
    json,
    ...databaseOptions,
  }),
  examples: ["", "mails", "mails --watch", "--json"],
  async run({ queue, watch, json, ...options }, host) {
    if (queue !== undefined) createQueue(queue);
    await openDatabase(options, host);
    const show = async () => await host.stdout.write(await report(queue, json, host));
    if (!watch) return await show();
    const end = new AbortController();
    using _ = host.interrupts.take(() => end.abort());
    while (!end.signal.aborted) {
      if (host.stdout.isTTY && !json) await host.stdout.write("\x1b[2J\x1b[H");
      await show();
      await sleep(watchMs, end.signal);
    }
  },
});

/** What is known about one queue. */
type Row = { readonly queue: string } & Stats;

async function report(name: string | undefined, json: boolean, host: Host): Promise<string> {
  const queues = name === undefined ? await openQueues() : [await openQueue(name)];
  const rows = await Promise.all(queues.map(rowOf));
  if (json) return jsonLines(rows);
  if (rows.length === 0) return `There are no queues: ${host.program} create <queue>\n`;
  const headings = ["queue", "queued", "delayed", "processing", "dead", "archived", "oldest"];
  return table(headings, rows.map(cellsOf), host.stdout);
}

async function rowOf(queue: Queue): Promise<Row> {
  return { queue: queue.name, ...await queue.stats() };
}

function cellsOf({ queue, queued, delayed, processing, dead, archived, ...rest }: Row): Cell[] {
  const oldest = rest.oldestAgeSeconds === null ? null : age(rest.oldestAgeSeconds);
  return [queue, queued, delayed, processing, dead, archived, oldest];
}
