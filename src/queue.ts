/**
 * Queues: where tasks are put, looked at and managed.
 *
 * @module
 */

import { PgtqError } from "./core/errors.ts";
import { check, type StandardSchemaV1, toJson } from "./core/input.ts";
import { header, type TaskState } from "./core/task.ts";
import * as admin from "./db/admin.ts";
import { enqueue, type NewTask } from "./db/enqueue.ts";
import { connection, type Queryable, type Sql } from "./db/connection.ts";
import * as dead from "./db/dead.ts";
import { siteOf } from "./db/site.ts";
import { DeadLetters, lettersOf } from "./queue_dead_letters.ts";
import {
  type Page,
  parseListOptions,
  parsePruneOptions,
  parseRedriveOptions,
  type PruneOptions,
} from "./queue_listing_options.ts";
import { pruneBoth } from "./queue_prune.ts";
import {
  type EnqueueOptions,
  parseEnqueueOptions,
  parseId,
  parseQueueOptions,
  type QueueDefinition,
  type QueueOptions,
} from "./queue_options.ts";

/** How many tasks one statement inserts, and how many dead letters one redrives. */
const chunkSize = 1000;

/**
 * A queue of tasks: `Input` is what is put in, `Output` what the schema makes of it for handlers.
 *
 * Made by {@linkcode createQueue}; needs no connection until a method is called.
 */
export class Queue<Input = unknown, Output = Input> {
  /** The name, as given. */
  readonly name: string;
  /** The dead letters. */
  readonly dlq: DeadLetters;
  /** The checked options. @internal */
  readonly definition: QueueDefinition;
  /** The handler's input type; exists for the compiler only. @internal */
  declare readonly output?: Output;

  /** Use {@linkcode createQueue}. */
  constructor(definition: QueueDefinition) {
    this.definition = definition;
    this.name = definition.tables.name;
    this.dlq = new DeadLetters(definition);
  }

  /**
   * Creates the tables of the queue, the indexes of pgtq on them, and the tables of its dead letters.
   * Those that exist stay as they are. On a full queue, writes wait while an index is built.
   *
   * @throws {PgtqError} `MISSING_PGMQ` if pgmq is not installed
   */
  async create(): Promise<void> {
    const { tables, letters } = this.definition;
    await admin.create(connection(), tables, letters);
  }

  /**
   * Drops the tables of the queue, and of its dead letters unless there are some of other queues
   * among them; `false` if there was no such queue.
   */
  async drop(): Promise<boolean> {
    const { tables, letters } = this.definition;
    const sql = connection();
    const dropped = await admin.drop(sql, tables);
    if (letters && await dead.belongsTo(sql, tables, letters)) await admin.drop(sql, letters);
    return dropped;
  }

  /** Removes every task that has not finished, running ones too; returns how many there were. */
  purge(): Promise<number> {
    return admin.purge(connection(), this.definition.tables);
  }

  /**
   * Puts one task into the queue and returns its id.
   *
   * @throws {PgtqError} `INVALID_TASK` if the task does not fit the schema or is not JSON
   * @throws {PgtqError} `MISSING_QUEUE` if the queue has not been created
   * @throws {TypeError} if an option is wrong
   */
  async enqueue(task: Input, options: EnqueueOptions = {}): Promise<number> {
    const [id] = await this.enqueueMany([task], options);
    return id!;
  }

  /**
   * Puts tasks into the queue, all or none, and returns their ids in the same order.
   *
   * @throws {PgtqError} `INVALID_TASK` if one does not fit the schema or is not JSON
   * @throws {PgtqError} `MISSING_QUEUE` if the queue has not been created
   * @throws {TypeError} if an option is wrong
   */
  async enqueueMany(tasks: readonly Input[], options: EnqueueOptions = {}): Promise<number[]> {
    const { sql, delay, at, ...rest } = parseEnqueueOptions(this.name, options);
    const encoded = await Promise.all(tasks.map((task, index) => {
      return this.#encode(task, rest, tasks.length > 1 ? `the task at index ${index}` : "the task");
    }));
    const chunks = Array.from(
      { length: Math.ceil(encoded.length / chunkSize) },
      (_, i) => encoded.slice(i * chunkSize, (i + 1) * chunkSize),
    );
    const insert = async (sql: Queryable) => {
      const commitsLater = !("begin" in sql);
      const due = { delayMs: delay, at: at?.toISOString() ?? null, commitsLater };
      const ids: number[] = [];
      for (const chunk of chunks) {
        for (const id of await enqueue(sql, this.definition.tables, chunk, due)) ids.push(id);
      }
      return ids;
    };
    const target = sql ?? connection();
    // A transaction of the caller's is all or none by itself; a pool has to begin one.
    if (chunks.length < 2 || !("begin" in target)) return await insert(target);
    return await (target as Sql).begin(insert) as number[];
  }

  /** Makes one dead letter a task again; returns the new task's id, `undefined` if it is gone. */
  async redrive(id: number): Promise<number | undefined> {
    parseId(id);
    return (await this.#redrive({ first: id, last: id, limit: 1 }))[0];
  }

  /** Makes dead letters tasks again, oldest first; returns how many. */
  async redriveAll(options: { limit?: number } = {}): Promise<number> {
    const { limit } = parseRedriveOptions(this.name, options);
    const last = await dead.newestLetter(connection(), lettersOf(this.definition));
    let count = 0;
    while (count < limit) {
      const wanted = Math.min(chunkSize, limit - count);
      const ids = await this.#redrive({ first: 0, last, limit: wanted });
      count += ids.length;
      if (ids.length < wanted) break;
    }
    return count;
  }

  /** Counts tasks by state. Costs the same at any depth. */
  stats(): Promise<admin.Stats> {
    return admin.stats(connection(), this.definition.tables, this.definition.letters);
  }

  /** Lists tasks by id without claiming them; without a state all that have not finished. */
  async list(options: Page & { state?: TaskState } = {}): Promise<admin.ListedTask[]> {
    const page = parseListOptions(this.name, options);
    return await admin.list(connection(), this.definition, page);
  }

  /** Takes a task out that waits; it is archived as failed. `false` if it runs or is not there. */
  async cancel(id: number): Promise<boolean> {
    parseId(id);
    const { tables, archive } = this.definition;
    const site = await siteOf(connection(), tables, `Cannot cancel task ${id} of "${this.name}"`);
    return admin.cancel(site, { id, archive: archive !== undefined });
  }

  /** Prunes both archives by their `ttl` and `limit` now; returns how many rows are gone. */
  async prune(options: PruneOptions = {}): Promise<number> {
    const { batchSize, signal } = parsePruneOptions(this.name, options);
    return await pruneBoth(connection(), this.definition, { batchSize, signal });
  }

  async #encode(
    task: Input,
    { group, headers }: { group?: string | undefined; headers?: object | undefined },
    name: string,
  ): Promise<NewTask> {
    const json = toJson(task);
    if ("problem" in json) throw this.#invalid(name, json.problem);
    const { schema, group: groupOf } = this.definition;
    // What is checked is what a worker is going to see: the task after its way through JSON.
    const checked = schema ? await check(schema, JSON.parse(json.text)) : { value: task };
    if ("problem" in checked) throw this.#invalid(name, checked.problem);
    const key = group ?? groupOf?.(task);
    const all = key === undefined ? headers : { ...headers, [header.group]: String(key) };
    return { message: json.text, headers: all ? this.#headers(all) : null };
  }

  #headers(headers: object): string {
    const json = toJson(headers);
    if ("text" in json) return json.text;
    throw new TypeError(`Wrong option of enqueue to "${this.name}": headers: ${json.problem}`);
  }

  #invalid(name: string, problem: string): PgtqError {
    const message = `Cannot enqueue to "${this.name}" as ${name} is invalid: ${problem}`;
    return new PgtqError("INVALID_TASK", message);
  }

  async #redrive(range: dead.Range): Promise<number[]> {
    const { tables, lettersArchive } = this.definition;
    const letters = lettersOf(this.definition);
    const site = await siteOf(
      connection(),
      letters,
      `Cannot redrive to "${this.name}"`,
      this.name,
    );
    return dead.redrive(tables, site, range, lettersArchive !== undefined);
  }
}

/** Defines a queue whose tasks are checked by a schema of any library that speaks Standard Schema. */
export function createQueue<Schema extends StandardSchemaV1>(
  name: string,
  options:
    & QueueOptions<StandardSchemaV1.InferInput<Schema>>
    & { /** The schema of tasks. */ input: Schema },
): Queue<StandardSchemaV1.InferInput<Schema>, StandardSchemaV1.InferOutput<Schema>>;
/**
 * Defines a queue. This touches no database: `create()` makes its tables, once.
 *
 * @throws {PgtqError} `INVALID_NAME` if pgmq can't have a queue of this name, or of its dead letters
 * @throws {TypeError} if an option is wrong
 *
 * @example A queue whose tasks are checked
 * ```ts
 * import * as v from "valibot";
 * import { createQueue } from "@pgtq/pgtq";
 *
 * const mails = createQueue("mails", {
 *   input: v.object({ to: v.string(), subject: v.string() }),
 *   archive: { ttl: "90d" },
 * });
 * console.assert(mails.name === "mails");
 * ```
 */
export function createQueue<Task = unknown>(
  name: string,
  options?: QueueOptions<Task>,
): Queue<Task>;
export function createQueue(name: string, options: object = {}): Queue {
  return new Queue(parseQueueOptions(name, options));
}
