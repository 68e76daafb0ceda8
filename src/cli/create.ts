/**
 * `pgtq create`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { createQueue } from "../queue_create.ts";
import { databaseOptions, defineCommand, needsQueue, noDlq, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";

/** Creates a queue. */
export const create = defineCommand({
  parser: object({ queue: queueName, noDlq, ...databaseOptions }, needsQueue),
  examples: ["mails", "mails --no-dlq", "mails --embedded"],
  async run({ queue: name, noDlq, ...options }, host) {
    const queue = createQueue(name, { dlq: !noDlq });
    await openDatabase(options, host);
    await queue.create();
    await host.stdout.write(`The queue "${name}" is there\n`);
  },
});
