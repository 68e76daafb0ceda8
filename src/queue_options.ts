/**
 * What can be said about a queue and about a task on its way in.
 *
 * @module
 */

import * as v from "valibot";
import { type Duration, shown } from "./core/duration.ts";
import { PgtqError } from "./core/errors.ts";
import type { NoField } from "./core/idempotency.ts";
import type { StandardSchemaV1 } from "./core/input.ts";
import { callable, count, duration, field, parseOptions } from "./core/options.ts";
import type { Retention } from "./db/archive.ts";
import type { Queryable } from "./db/connection.ts";
import { maxGroupLength, maxKeyLength } from "./db/indexes.ts";
import { type Tables, tablesOf } from "./db/tables.ts";

/** What an archive keeps; the rest is pruned by workers. */
export interface ArchiveOptions {
  /**
   * Prune what was archived longer ago than this.
   *
   * @default never
   */
  ttl?: Duration;
  /**
   * Keep only this many of the newest rows.
   *
   * @default all
   */
  limit?: number;
}

/** Options of `createQueue`. */
export interface QueueOptions<Input, Field extends string = never> {
  /**
   * The group of a task, for queues that are processed in order within groups.
   *
   * @default no group
   */
  group?: (task: Input) => string | undefined;
  /**
   * Whether finished tasks go to the archive, and what it keeps.
   *
   * @default true
   */
  archive?: boolean | ArchiveOptions;
  /**
   * Whether tasks that fail for good become dead letters, and in which queue.
   *
   * @default true, in `${name}_dlq`
   */
  dlq?: boolean | string;
  /**
   * Whether redriven dead letters go to the archive of the dead letter queue, and what it keeps.
   *
   * @default true
   */
  dlqArchive?: boolean | ArchiveOptions;
  /**
   * The field of tasks in which handlers find the task's id as a string: the same for all attempts
   * and redrives, whatever was put there. Who enqueues may leave it out, even if the schema wants it.
   * Without a schema, name it to the compiler, too: `createQueue<Task, "taskId">(…)`.
   *
   * @default none
   */
  idempotencyKey?:
    | Field
    | NoField<Field, "a string field of the task, as in createQueue<Task, Field>">;
}

/** Options of `enqueue`. */
export interface EnqueueOptions<Input = unknown> {
  /**
   * The group of the task, at most 500 characters.
   *
   * @default what the queue's `group` function returns
   */
  group?: string;
  /**
   * The key, at most 500 characters: while a task with this key is in the queue, nothing is put in,
   * and the id is that task's. A function returns the key of each task, `undefined` for none.
   *
   * @default no key
   */
  key?: string | ((task: Input) => string | undefined);
  /**
   * What a task that has the key already takes over from this one, if it has not started; one that
   * was put off by `SnoozeError` since has not.
   *
   * @default nothing
   */
  replace?: "payload";
  /**
   * The task becomes due after this: seconds, or a string with a unit.
   *
   * @default 0
   */
  delay?: Duration;
  /**
   * The task becomes due at this time; with `delay` as well, that much later.
   *
   * @default now
   */
  at?: Date;
  /**
   * Headers of your own, as JSON. Names starting with `x-pgtq-` are the library's.
   *
   * @default none
   */
  headers?: Readonly<Record<string, unknown>>;
  /**
   * A transaction of yours: the task exists once that commits.
   *
   * @default a statement of its own
   */
  sql?: Queryable;
}

/** A queue's options, checked. */
export interface QueueDefinition {
  readonly tables: Tables;
  readonly letters: Tables | undefined;
  /** `undefined` if finished tasks are deleted. */
  readonly archive: Retention | undefined;
  /** `undefined` if redriven dead letters are deleted. */
  readonly lettersArchive: Retention | undefined;
  readonly schema: StandardSchemaV1 | undefined;
  readonly group: ((task: unknown) => unknown) | undefined;
  readonly idempotencyKey: string | undefined;
}

const archive = v.optional(
  v.union([
    v.boolean(),
    v.strictObject({ ttl: v.optional(duration), limit: v.optional(count(0)) }),
  ], "a boolean or { ttl, limit } with a duration and a whole number of at least 0"),
  true,
);

const queueOptions = v.strictObject({
  input: v.optional(v.custom<StandardSchemaV1>(
    (value) => (value as StandardSchemaV1 | null)?.["~standard"] !== undefined,
    "a schema of a library that speaks Standard Schema",
  )),
  group: v.optional(callable),
  archive,
  dlq: v.optional(v.union([v.boolean(), v.string()], "a boolean or a queue name"), true),
  dlqArchive: archive,
  idempotencyKey: v.optional(field),
});

/** Checks the options of a queue. */
export function parseQueueOptions(name: string, options: unknown): QueueDefinition {
  const tables = tablesOf(name);
  const { input, group, dlq, ...rest } = parseOptions(queueOptions, options, `queue "${name}"`);
  return {
    tables,
    letters: dlq === false ? undefined : lettersOf(tables, dlq === true ? `${name}_dlq` : dlq),
    archive: retention(rest.archive),
    lettersArchive: retention(rest.dlqArchive),
    schema: input,
    group: group as ((task: unknown) => unknown) | undefined,
    idempotencyKey: rest.idempotencyKey,
  };
}

function lettersOf(tables: Tables, name: string): Tables {
  const letters = tablesOf(name);
  if (letters.queue !== tables.queue) return letters;
  throw new PgtqError(
    "INVALID_NAME",
    `Cannot keep the dead letters of "${tables.name}" in "${name}" as that is the queue itself`,
  );
}

function retention(
  option: boolean | { ttl?: number | undefined; limit?: number | undefined },
): Retention | undefined {
  if (option === false) return undefined;
  const { ttl, limit } = option === true ? {} : option;
  return { ttlMs: ttl, limit };
}

const groupHint = `a string of at most ${maxGroupLength} characters`;
const keyHint = `a string of 1 to ${maxKeyLength} characters`;
const names = {
  group: v.pipe(v.string("a string"), v.maxLength(maxGroupLength, groupHint)),
  key: v.pipe(v.string(keyHint), v.nonEmpty(keyHint), v.maxLength(maxKeyLength, keyHint)),
};

const enqueueOptions = v.strictObject({
  group: v.optional(names.group),
  key: v.optional(v.union([names.key, callable], `${keyHint}, or a function`)),
  replace: v.optional(v.literal("payload", '"payload"')),
  delay: v.optional(duration, 0),
  at: v.optional(v.date("a valid Date")),
  headers: v.optional(v.record(
    v.pipe(v.string(), v.check((name) => !name.startsWith("x-pgtq-"), "a name of your own")),
    v.unknown(),
    "an object",
  )),
  sql: v.optional(v.custom<Queryable>((value) => typeof value === "function", "a transaction")),
});

/** Checks the options of `enqueue`. */
export function parseEnqueueOptions(name: string, options: object) {
  const where = `enqueue to "${name}"`;
  const { key, ...parsed } = parseOptions(enqueueOptions, options, where);
  if (parsed.replace !== undefined && key === undefined) {
    throw new TypeError(`Wrong option of ${where}: replace needs a key`);
  }
  return { ...parsed, key: key as EnqueueOptions["key"] };
}

/** Checks what a function of the user's has said about a task. */
export function parseName(
  schema: "group" | "key",
  value: unknown,
  { queue, task }: { queue: string; task: string },
): string | undefined {
  const result = v.safeParse(v.optional(names[schema]), value, { abortEarly: true });
  if (result.success) return result.output;
  throw new TypeError(
    `Cannot enqueue to "${queue}" as the ${schema} of ${task} must be ` +
      `${result.issues[0].message}: current value is ${shown(value)}`,
  );
}

/** Checks a task's id, which a program may have read from anywhere. */
export function parseId(id: unknown): void {
  if (Number.isSafeInteger(id)) return;
  throw new TypeError(`A task id must be a whole number: current value is ${shown(id)}`);
}
