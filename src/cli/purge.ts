/**
 * `pgtq purge`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { createQueue } from "../queue_create.ts";
import { databaseOptions, defineCommand, json, needsQueue, noDlq, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";
import { counted, jsonLines } from "./output.ts";
import { openQueue } from "./queues.ts";

/** Empties a queue. */
export const purge = defineCommand({
  parser: object({ queue: queueName, noDlq, json, ...databaseOptions }, needsQueue),
  examples: ["mails", "mails --no-dlq"],
  async run({ queue: name, noDlq, json, ...options }, host) {
    createQueue(name);
    await openDatabase(options, host);
    const queue = await openQueue(name);
    const letters = queue.definition.letters;
    const purged = await queue.purge();
    const dead = noDlq || !letters ? 0 : await createQueue(letters.name, { dlq: false }).purge();
    const text = `${counted(purged, "task")} and ${
      counted(dead, "dead letter")
    } removed from "${name}"`;
    await host.stdout.write(json ? jsonLines([{ tasks: purged, dead }]) : `${text}\n`);
  },
});
