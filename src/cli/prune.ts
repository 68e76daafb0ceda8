/**
 * `pgtq prune`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { option } from "@optique/core/primitives";
import { createQueue } from "../queue_create.ts";
import {
  count,
  databaseOptions,
  defineCommand,
  duration,
  json,
  needsQueue,
  queueName,
} from "./command.ts";
import { openDatabase } from "./database.ts";
import { UsageError } from "./failures.ts";
import { counted, jsonLines } from "./output.ts";
import { openQueue } from "./queues.ts";

const parser = object({
  queue: queueName,
  ttl: optional(option("--ttl", duration(), {
    description: message`Delete what was archived longer ago than this.`,
  })),
  limit: optional(option("--limit", count(0), {
    description: message`Keep only this many of the newest.`,
  })),
  batchSize: withDefault(
    option("--batch-size", count(), { description: message`Rows deleted per statement.` }),
    1000,
  ),
  json,
  ...databaseOptions,
}, needsQueue);

/** Deletes old archived tasks, and old redriven dead letters. */
export const prune = defineCommand({
  parser,
  examples: ["mails --ttl 90d", "mails --limit 1000000", "mails --ttl 12h --batch-size 10000"],
  async run({ queue: name, ttl, limit, batchSize, json, ...options }, host) {
    if (ttl === undefined && limit === undefined) {
      throw new UsageError("Say what may go: --ttl, --limit or both");
    }
    createQueue(name);
    await openDatabase(options, host);
    const queue = await openQueue(name, { ttl, limit });
    const pruned = await queue.prune({ batchSize });
    const text = `${counted(pruned, "archived task")} of "${name}" deleted\n`;
    await host.stdout.write(json ? jsonLines([{ pruned }]) : text);
  },
});
