/**
 * `pgtq drop`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { PgtqError } from "../core/errors.ts";
import { createQueue } from "../queue_create.ts";
import { databaseOptions, defineCommand, needsQueue, noDlq, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";

/** Drops a queue. */
export const drop = defineCommand({
  parser: object({ queue: queueName, noDlq, ...databaseOptions }, needsQueue),
  examples: ["mails", "mails --no-dlq"],
  async run({ queue: name, noDlq, ...options }, host) {
    const queue = createQueue(name, { dlq: !noDlq });
    await openDatabase(options, host);
    if (!await queue.drop()) {
      throw new PgtqError("MISSING_QUEUE", `Cannot drop the queue "${name}" as it doesn't exist`);
    }
    await host.stdout.write(`The queue "${name}" is gone\n`);
  },
});
