/**
 * Queues: where tasks are put, looked at and managed.
 *
 * @module
 */

import { PgtqError } from "./core/errors.ts";
import { checkWithId } from "./core/idempotency.ts";
import { toJson } from "./core/input.ts";
import { header, type TaskState } from "./core/task.ts";
import * as admin from "./db/admin.ts";
import { createTables } from "./db/create.ts";
import { connection } from "./db/connection.ts";
import * as dead from "./db/dead.ts";
import { siteOf } from "./db/site.ts";
import { DeadLetters, redriveOldest, redriveOne } from "./queue_dead_letters.ts";
import { type Incoming, putIn } from "./queue_enqueue.ts";
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
  parseName,
  type QueueDefinition,
} from "./queue_options.ts";

/** Stands in for a task's id until it has one: digits, as ids are. */
const placeholder = "0";

/**
 * A queue of tasks: `Input` is what is put in, `Output` what the schema makes of it for handlers.
 *
 * Made by `createQueue`; needs no connection until a method is called.
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

  /** Use `createQueue`. */
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
    await createTables(connection(), tables, letters);
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
   * @throws {PgtqError} `MISSING_INDEX` if something else has created it, and a task has a key
   * @throws {TypeError} if an option is wrong
   */
  async enqueue(task: Input, options: EnqueueOptions<Input> = {}): Promise<number> {
    const [id] = await this.enqueueMany([task], options);
    return id!;
  }

  /**
   * Puts tasks into the queue, all or none, and returns their ids in the same order.
   *
   * @throws {PgtqError} `INVALID_TASK` if one does not fit the schema or is not JSON
   * @throws {PgtqError} `MISSING_QUEUE` if the queue has not been created
   * @throws {PgtqError} `MISSING_INDEX` if something else has created it, and a task has a key
   * @throws {TypeError} if an option is wrong
   */
  async enqueueMany(
    tasks: readonly Input[],
    options: EnqueueOptions<Input> = {},
  ): Promise<number[]> {
    const { sql, delay, at, replace, ...rest } = parseEnqueueOptions(this.name, options);
    const encoded = await Promise.all(tasks.map((task, index) => {
      return this.#encode(task, rest, tasks.length > 1 ? `the task at index ${index}` : "the task");
    }));
    return await putIn(this.definition.tables, encoded, { sql, delay, at, replace });
  }

  /**
   * Makes one dead letter a task again; returns the new task's id, `undefined` if it is gone.
   *
   * @throws {PgtqError} `KEY_TAKEN` if another task in the queue has its key: the letter stays
   */
  async redrive(id: number): Promise<number | undefined> {
    parseId(id);
    return await redriveOne(this.definition, id);
  }

  /**
   * Makes dead letters tasks again, oldest first; returns how many. Letters whose key another task
   * in the queue has stay.
   */
  async redriveAll(options: { limit?: number } = {}): Promise<number> {
    const { limit } = parseRedriveOptions(this.name, options);
    return await redriveOldest(this.definition, limit);
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
    { group, key, headers }: Pick<EnqueueOptions<Input>, "group" | "key" | "headers">,
    name: string,
  ): Promise<Incoming> {
    const json = toJson(task);
    if ("problem" in json) throw this.#invalid(name, json.problem);
    const { schema, group: groupOf, idempotencyKey: field } = this.definition;
    // What is checked is what a worker is going to see: the task after its way through JSON.
    const checked = schema || field !== undefined
      ? await checkWithId(schema, JSON.parse(json.text), { field, id: placeholder, keep: true })
      : { value: task };
    if ("problem" in checked) throw this.#invalid(name, checked.problem);
    const where = { queue: this.name, task: name };
    const names = {
      group: parseName("group", group ?? groupOf?.(task), where),
      key: parseName("key", typeof key === "function" ? key(task) : key, where),
    };
    const grouped = names.group !== undefined || header.group in Object(headers);
    return { message: json.text, headers: this.#headers(headers, names), key: names.key, grouped };
  }

  #headers(
    given: object | undefined,
    { group, key }: { group: string | undefined; key: string | undefined },
  ): string | null {
    const headers = {
      ...given,
      ...(group !== undefined && { [header.group]: group }),
      ...(key !== undefined && { [header.key]: key }),
    };
    if (!given && Object.keys(headers).length === 0) return null;
    const json = toJson(headers);
    if ("text" in json) return json.text;
    throw new TypeError(`Wrong option of enqueue to "${this.name}": headers: ${json.problem}`);
  }

  #invalid(name: string, problem: string): PgtqError {
    const message = `Cannot enqueue to "${this.name}" as ${name} is invalid: ${problem}`;
    return new PgtqError("INVALID_TASK", message);
  }
}
