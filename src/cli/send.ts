/**
 * `pgtq send`
 *
 * @module
 */

import { fault, parseJson } from "./json.ts";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { argument, flag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import type { Duration } from "../core/duration.ts";
import { PgtqError } from "../core/errors.ts";
import { createQueue } from "../queue_create.ts";
import type { EnqueueOptions } from "../queue_options.ts";
import {
  databaseOptions,
  defineCommand,
  duration,
  json,
  needsQueue,
  queueName,
} from "./command.ts";
import { openDatabase } from "./database.ts";
import { Interrupted, messageOf, UsageError } from "./failures.ts";
import type { Host } from "./host.ts";
import { counted, jsonLines } from "./output.ts";
import { showProgress } from "./progress.ts";
import { type LineOptions, sendLines, type Tally } from "./send_lines.ts";

const parser = object({
  queue: queueName,
  task: optional(argument(string({ metavar: "JSON" }), {
    description: message`The task; without it one per line is read from the standard input.`,
  })),
  file: optional(option("--file", string({ metavar: "PATH" }), {
    description: message`Read tasks from a file with one JSON value per line.`,
  })),
  group: optional(option("--group", string({ metavar: "GROUP" }), {
    description: message`The group of the tasks.`,
  })),
  delay: optional(option("--delay", duration(), {
    description: message`The tasks become due after this: seconds, or such as 250ms, 2m, 12h.`,
  })),
  key: optional(option("--key", string({ metavar: "KEY" }), {
    description: message`The task is sent unless one with this key is in the queue.`,
  })),
  replace: withDefault(
    flag("--replace", {
      description: message`With --key: the task there gets this body if it has not started.`,
    }),
    false,
  ),
  skipInvalid: withDefault(
    flag("--skip-invalid", { description: message`Leave out lines that are not JSON.` }),
    false,
  ),
  json,
  ...databaseOptions,
}, needsQueue);

/** Puts tasks into a queue. */
export const send = defineCommand({
  parser,
  examples: [
    `mails '{"to": "ada@example.org"}'`,
    `mails '{"to": "ada@example.org"}' --delay 5m --group vip`,
    `mails '{"to": "ada@example.org"}' --key welcome-ada --replace`,
    "mails --file mails.jsonl --skip-invalid",
    "mails < mails.jsonl",
  ],
  async run({ queue: name, task, file, skipInvalid, json, ...options }, host) {
    refuse({ ...options, task, file });
    const queue = createQueue(name);
    const how = enqueueOptions(options);
    if (task !== undefined) {
      const value = parseTask(name, task);
      await openDatabase(options, host);
      const id = await queue.enqueue(value, how);
      return await host.stdout.write(json ? jsonLines([{ id }]) : `${id}\n`);
    }
    const bytes = await open(file, host);
    await openDatabase(options, host);
    const tally = await sendAll(bytes, { queue, options: how, skipInvalid }, host);
    await host.stdout.write(json ? jsonLines([summary(tally)]) : `${sentence(tally, name)}\n`);
  },
});

interface Usage {
  readonly task: string | undefined;
  readonly file: string | undefined;
  readonly key: string | undefined;
  readonly replace: boolean;
}

function refuse({ task, file, key, replace }: Usage): void {
  if (task !== undefined && file !== undefined) {
    throw new UsageError("Give a task or --file, not both");
  }
  if (key !== undefined && task === undefined) {
    throw new UsageError("--key needs the task as an argument: all lines would have the same key");
  }
  if (replace && key === undefined) throw new UsageError("--replace needs --key");
}

function enqueueOptions(
  { group, delay, key, replace }: {
    readonly group: string | undefined;
    readonly delay: Duration | undefined;
    readonly key: string | undefined;
    readonly replace: boolean;
  },
): EnqueueOptions {
  return {
    ...(group !== undefined && { group }),
    ...(delay !== undefined && { delay }),
    ...(key !== undefined && { key }),
    ...(replace && { replace: "payload" }),
  };
}

function parseTask(name: string, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new PgtqError(
      "INVALID_TASK",
      `Cannot send to "${name}" as the task ${fault(error)}`,
      { cause: error },
    );
  }
}

async function open(file: string | undefined, host: Host): Promise<AsyncIterable<Uint8Array>> {
  if (file !== undefined && file !== "-") return await openFile(resolve(host.cwd, file));
  if (host.stdin.isTTY) await host.stderr.write("One task per line as JSON; Ctrl-D ends\n");
  return host.stdin;
}

async function openFile(path: string): Promise<AsyncIterable<Uint8Array>> {
  const stream = createReadStream(path);
  await once(stream, "open").catch((error) => {
    throw new Error(`Cannot read the file ${path}: ${messageOf(error)}`);
  });
  return stream;
}

/** Sends until the input or the user's patience ends. */
async function sendAll(
  bytes: AsyncIterable<Uint8Array>,
  options: LineOptions,
  { interrupts, stdin, stderr }: Host,
): Promise<Tally> {
  const tally: Tally = { sent: 0, skipped: [] };
  const stopped = Promise.withResolvers<never>();
  using _ = interrupts.take(() =>
    stopped.reject(new Interrupted(`interrupted: ${counted(tally.sent, "task")} enqueued so far`))
  );
  // Where tasks are typed, a line that is redrawn would only be in the way.
  const silent = { ...stderr, isTTY: stderr.isTTY && !stdin.isTTY };
  using _line = showProgress(silent, () => `${counted(tally.sent, "task")} enqueued`);
  await Promise.race([sendLines(bytes, options, tally), stopped.promise]);
  return tally;
}

function summary({ sent, skipped }: Tally): object {
  return { enqueued: sent, skipped: skipped.length };
}

/** How many line numbers are worth naming. */
const named = 10;

function sentence({ sent, skipped }: Tally, name: string): string {
  const text = `${counted(sent, "task")} enqueued to "${name}"`;
  if (skipped.length === 0) return text;
  const more = skipped.length > named ? ", …" : "";
  const lines = skipped.slice(0, named).join(", ");
  const what = skipped.length === 1 ? "line skipped that is" : "lines skipped that are";
  return `${text}; ${skipped.length} ${what} not JSON: ${lines}${more}`;
}
