/**
 * `pgtq send`
 *
 * @module
 */

import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import { argument, flag, option } from "@optique/core/primitives";
import { string } from "@optique/core/valueparser";
import { PgtqError } from "../core/errors.ts";
import { createQueue, type Queue } from "../queue.ts";
import type { EnqueueOptions } from "../queue_options.ts";
import { databaseOptions, defineCommand, duration, json, queueName } from "./command.ts";
import { openDatabase } from "./database.ts";
import { Interrupted, messageOf, UsageError } from "./failures.ts";
import type { Host } from "./host.ts";
import { chunksOf, type Line, linesOf } from "./lines.ts";
import { counted, jsonLines, number } from "./output.ts";
import { progressOn } from "./progress.ts";

/** How many lines become one statement. */
const chunkSize = 1000;

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
    description: message`Not supported yet.`,
    hidden: "doc",
  })),
  skipInvalid: withDefault(
    flag("--skip-invalid", { description: message`Leave out lines that are not JSON.` }),
    false,
  ),
  json,
  ...databaseOptions,
});

/** Puts tasks into a queue. */
export const send = defineCommand({
  parser,
  examples: [
    `mails '{"to": "ada@example.org"}'`,
    `mails '{"to": "ada@example.org"}' --delay 5m --group vip`,
    "mails --file mails.jsonl --skip-invalid",
    "mails < mails.jsonl",
  ],
  async run({ queue: name, task, file, group, delay, key, skipInvalid, json, ...options }, host) {
    if (key !== undefined) {
      throw new PgtqError("NOT_SUPPORTED", "Cannot use --key as it is not supported yet");
    }
    if (task !== undefined && file !== undefined) {
      throw new UsageError("Give a task or --file, not both");
    }
    const queue = createQueue(name);
    const how = { ...(group !== undefined && { group }), ...(delay !== undefined && { delay }) };
    if (task !== undefined) {
      const value = parseTask(name, task);
      await openDatabase(options, host);
      const id = await queue.enqueue(value, how);
      return await host.stdout.write(json ? jsonLines([{ id }]) : `${id}\n`);
    }
    const bytes = await open(file, host);
    await openDatabase(options, host);
    await new Sending(queue, how, skipInvalid, host).run(bytes, json);
  },
});

function parseTask(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new PgtqError(
      "INVALID_TASK",
      `Cannot send to "${name}" as the task is not JSON: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

async function open(file: string | undefined, host: Host): Promise<AsyncIterable<Uint8Array>> {
  if (file !== undefined && file !== "-") return createReadStream(resolve(host.cwd, file));
  if (host.stdin.isTTY) await host.stderr.write("One task per line as JSON; Ctrl-D ends\n");
  return host.stdin;
}

/** Tasks on their way from lines to a queue. */
class Sending {
  readonly #queue: Queue;
  readonly #options: EnqueueOptions;
  readonly #skipInvalid: boolean;
  readonly #host: Host;
  readonly #skipped: number[] = [];
  #sent = 0;

  constructor(queue: Queue, options: EnqueueOptions, skipInvalid: boolean, host: Host) {
    this.#queue = queue;
    this.#options = options;
    this.#skipInvalid = skipInvalid;
    this.#host = host;
  }

  async run(bytes: AsyncIterable<Uint8Array>, json: boolean): Promise<void> {
    const { stdout, stderr, interrupts } = this.#host;
    const stop = Promise.withResolvers<never>();
    stop.promise.catch(() => {}); // nobody may be waiting when it comes
    using _ = interrupts.take(() => stop.reject(new Interrupted("interrupted")));
    const progress = progressOn(stderr);
    try {
      for await (const chunk of chunksOf(linesOf(bytes), chunkSize)) {
        await Promise.race([this.#send(chunk), stop.promise]);
        progress(() => `${number(this.#sent)} tasks enqueued`);
      }
    } catch (error) {
      throw this.#explained(error);
    } finally {
      progress.end();
    }
    const [sent, skipped] = [this.#sent, this.#skipped];
    if (skipped.length > 0) await stderr.write(`${this.#skippedLine()}\n`);
    const text = `${counted(sent, "task")} enqueued to "${this.#queue.name}"\n`;
    await stdout.write(json ? jsonLines([{ enqueued: sent, skipped: skipped.length }]) : text);
  }

  async #send(lines: readonly Line[]): Promise<void> {
    const tasks = lines.flatMap((line) => this.#parse(line));
    await this.#queue.enqueueMany(tasks, this.#options);
    this.#sent += tasks.length;
  }

  /** The task of a line; none if it is not JSON and that was to be expected. */
  #parse({ number, text }: Line): [unknown] | [] {
    try {
      return [JSON.parse(text)];
    } catch (error) {
      if (!this.#skipInvalid) throw new TypeError(`line ${number} is not JSON: ${messageOf(error)}`);
      this.#skipped.push(number);
      return [];
    }
  }
}
