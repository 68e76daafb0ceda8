/**
 * Commands, and the options that several of them have.
 *
 * @module
 */

import { message } from "@optique/core/message";
import { optional, withDefault } from "@optique/core/modifiers";
import type { InferValue, Parser } from "@optique/core/parser";
import { argument, flag, option } from "@optique/core/primitives";
import { integer, string, type ValueParser } from "@optique/core/valueparser";
import { type Duration, durationHint, parseDuration } from "../core/duration.ts";
import type { Host } from "./host.ts";

/** What the user may type after a command's name, and what happens then. */
export interface Command<Options = unknown> {
  readonly parser: Parser<"sync", Options, unknown>;
  /** Lines for the end of the help page, without the program's name. */
  readonly examples: readonly string[];
  run(options: Options, host: Host): Promise<void>;
}

/** Defines a command; the type of the options follows from the parser. */
export function defineCommand<P extends Parser<"sync", unknown, unknown>>(
  command: {
    readonly parser: P;
    readonly examples: readonly string[];
    run(options: InferValue<P>, host: Host): Promise<void>;
  },
): Command {
  return command as unknown as Command;
}

/** Which database a command works on, and how it connects. */
export interface DatabaseOptions {
  readonly databaseUrl: string | undefined;
  readonly noPrepare: boolean;
  readonly embedded: boolean;
  /** Where to listen for notifications, or `none`; of commands that do. */
  readonly listenUrl?: string | undefined;
}

/** The options of every command that needs a database. */
export const databaseOptions = {
  databaseUrl: optional(option("--database-url", databaseUrl(), {
    description: message`The database; else DATABASE_URL, else PGHOST and its relatives.`,
  })),
  noPrepare: withDefault(
    flag("--no-prepare", {
      description: message`Don't prepare statements by name: for poolers that can't have it.`,
    }),
    false,
  ),
  embedded: withDefault(
    flag("--embedded", {
      description: message`Use the Postgres in .pgtq below this folder, starting it if need be.`,
    }),
    false,
  ),
};

/** The option of commands that listen for notifications. */
export const listenUrl = optional(option("--listen-url", databaseUrl("none"), {
  description: message`Where notifications come from, if the database is behind a pooler: its own \
address, or "none" to go without; else DATABASE_LISTEN_URL.`,
}));

/** The option of commands whose output is for programs, too. */
export const json = withDefault(
  flag("--json", { description: message`Write one JSON value per line.` }),
  false,
);

/** The option of commands that work on the dead letters as well. */
export const noDlq = withDefault(
  flag("--no-dlq", { description: message`Leave the dead letter queue out.` }),
  false,
);

const noQueue = { endOfInput: message`Expected the name of a queue.` };

/** The queue a command is about. */
export const queueName = argument(string({ metavar: "QUEUE" }), {
  description: message`The name of the queue.`,
  errors: noQueue,
});

/** For parsers that have {@linkcode queueName}: what is missing when nothing is given at all. */
export const needsQueue = { errors: noQueue };

/** A whole number of at least `min`. */
export function count(min = 1): ValueParser<"sync", number> {
  return integer({ min, max: Number.MAX_SAFE_INTEGER, metavar: "N" });
}

/** Seconds, or a number with a unit. */
export function duration(): ValueParser<"sync", Duration> {
  return {
    mode: "sync",
    metavar: "DURATION",
    placeholder: 0,
    parse(input) {
      const value = /^\d+(\.\d+)?$/.test(input) ? Number(input) : input;
      return parseDuration(value) === undefined
        ? { success: false, error: message`Expected ${plain(durationHint)}, but got ${input}.` }
        : { success: true, value };
    },
    format: String,
  };
}

/** An address, or that word; a wrong one isn't repeated in the error, as it may hold a password. */
function databaseUrl(word?: string): ValueParser<"sync", string> {
  const example = "postgres://user@host:5432/database";
  return {
    mode: "sync",
    metavar: "URL",
    placeholder: example,
    parse: (input) =>
      input === word || /^postgres(ql)?:\/\//.test(input) && URL.canParse(input)
        ? { success: true, value: input }
        : { success: false, error: message`Expected an address such as ${example}.` },
    format: () => example,
  };
}

function plain(text: string) {
  return { type: "text", text } as const;
}
