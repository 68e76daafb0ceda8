/**
 * `pgtq redrive`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { argument, flag, option } from "@optique/core/primitives";
import { integer } from "@optique/core/valueparser";
import { PgtqError } from "../core/errors.ts";
import { createQueue } from "../queue_create.ts";
import { count, databaseOptions, defineCommand, json, needsQueue, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";
import { UsageError } from "./failures.ts";
import { counted, jsonLines } from "./output.ts";

const parser = object({
  queue: queueName,
  id: optional(argument(integer({ min: 1, metavar: "ID" }), {
    description: message`The id of a dead letter, as list --state dead shows it.`,
  })),
  all: withDefault(flag("--all", { description: message`All dead letters, oldest first.` }), false),
  limit: optional(option("--limit", count(), {
    description: message`With --all: at most this many.`,
  })),
  json,
  ...databaseOptions,
}, needsQueue);

/** Gives dead letters another life. */
export const redrive = defineCommand({
  parser,
  examples: ["mails 17", "mails --all", "mails --all --limit 100"],
  async run({ queue: name, id, all, limit, json, ...options }, host) {
    if (all && id !== undefined) {
      throw new UsageError("Give the id of a dead letter or --all, not both");
    }
    if (!all && id === undefined) throw new UsageError("Give the id of a dead letter, or --all");
    if (limit !== undefined && !all) throw new UsageError("--limit needs --all");
    const queue = createQueue(name);
    await openDatabase(options, host);
    if (id === undefined) {
      const redriven = await queue.redriveAll({ limit });
      const text = `${counted(redriven, "dead letter")} of "${name}" redriven\n`;
      return await host.stdout.write(json ? jsonLines([{ redriven }]) : text);
    }
    const task = await queue.redrive(id);
    if (task === undefined) throw gone(name, id);
    const text = `Dead letter ${id} of "${name}" is task ${task} now\n`;
    await host.stdout.write(json ? jsonLines([{ id: task }]) : text);
  },
});

function gone(name: string, id: number): PgtqError {
  const message = `Cannot redrive dead letter ${id} of "${name}" as there is none with this id`;
  return new PgtqError("INVALID_TASK", message);
}
