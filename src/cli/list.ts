/**
 * `pgtq list`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { option } from "@optique/core/primitives";
import { choice } from "@optique/core/valueparser";
import type { ListedTask } from "../db/admin.ts";
import type { DeadLetter } from "../db/dead.ts";
import { createQueue } from "../queue_create.ts";
import { count, databaseOptions, defineCommand, json, needsQueue, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";
import type { Writer } from "./host.ts";
import { cut, jsonLines, table } from "./output.ts";

const states = ["queued", "delayed", "processing", "dead", "archived"] as const;

const parser = object({
  queue: queueName,
  state: optional(option("--state", choice(states, { metavar: "STATE" }), {
    description: message`Only tasks in this state; otherwise all that have not finished.`,
  })),
  limit: withDefault(
    option("--limit", count(), { description: message`At most this many.` }),
    20,
  ),
  after: withDefault(
    option("--after", count(0), {
      description: message`Only ids above this one, the last of the page before.`,
    }),
    0,
  ),
  json,
  ...databaseOptions,
}, needsQueue);

/** Shows tasks. */
export const list = defineCommand({
  parser,
  examples: [
    "mails",
    "mails --state dead",
    "mails --after 120 --limit 50",
    "mails --json | jq .task",
  ],
  async run({ queue: name, state, limit, after, json, ...options }, host) {
    const { stdout } = host;
    const queue = createQueue(name);
    await openDatabase(options, host);
    const page = { limit, after };
    if (state === "dead") {
      const letters = await queue.dlq.list(page);
      return await stdout.write(json ? jsonLines(letters) : letterTable(letters, stdout));
    }
    const tasks = await queue.list({ state, ...page });
    await stdout.write(json ? jsonLines(tasks) : taskTable(tasks, stdout));
  },
});

function taskTable(tasks: readonly ListedTask[], out: Writer): string {
  const headings = ["id", "state", "failures", "group", "enqueued (UTC)", "due (UTC)", "task"];
  const rows = tasks.map(({ id, state, errors, group, enqueuedAt, visibleAt, task }) => [
    String(id),
    state,
    errors.length,
    group,
    enqueuedAt,
    state === "archived" ? null : visibleAt,
    JSON.stringify(task),
  ]);
  return table(headings, rows, out);
}

function letterTable(letters: readonly DeadLetter[], out: Writer): string {
  const headings = ["id", "of task", "died (UTC)", "failures", "last error", "task"];
  const rows = letters.map(({ id, taskId, diedAt, errors, task }) => [
    String(id),
    String(taskId),
    diedAt,
    errors.length,
    out.isTTY ? cut(errors.at(-1) ?? "-", 60) : errors.at(-1) ?? "-",
    JSON.stringify(task),
  ]);
  return table(headings, rows, out);
}
