/**
 * What the Python package `postgres-task-queue` 0.1.1 does to the tables, statement by statement.
 *
 * `deno task interop` holds the package itself to this.
 *
 * @module
 */

import type { Queue, Sql } from "../../mod.ts";

type Json = Parameters<Sql["json"]>[0];

/** A row of a queue or an archive as Python and `psql` see it. */
export interface StoredRow {
  readonly id: string;
  readonly read_ct: number;
  readonly message: Json;
  readonly headers: Record<string, unknown> | null;
  /** The headers without those of ours that Python doesn't know. */
  readonly known: Record<string, unknown> | null;
  /** Seconds from now until it is visible. */
  readonly hidden: number;
}

const known = /^(?!x-pgtq-)|^x-pgtq-(?:status|errors|dlq|original|retry)$/;

function knownOf(headers: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => known.test(name)));
}

/** Python's side of a queue. */
export class Python {
  readonly #sql: Sql;
  readonly #name: string;

  constructor(sql: Sql, queue: Pick<Queue, "name">) {
    this.#sql = sql;
    this.#name = queue.name;
  }

  /** `enqueue`: no headers at all without a group; the package has no delays. */
  enqueue(payload: Json, group?: string): Promise<string> {
    return this.#send(this.#name, payload, group === undefined ? null : { "x-pgmq-group": group });
  }

  /** What `pgmq.send` with a delay leaves behind, as other producers of Python services use it. */
  async enqueueLater(payload: Json, seconds: number): Promise<string> {
    const [row] = await this.#sql<{ id: string }[]>`
      select pgmq.send(${this.#name}::text, ${this.#json(payload)}, ${seconds}::integer) as id`;
    return row!.id;
  }

  /**
   * A poll: takes the lowest ids. A worker that then has no room, as the concurrency limit is
   * reached or another processor was quicker, leaves the task like this until `timeout` is over.
   */
  async read(timeout = 60, count = 1): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      select msg_id as id from pgmq.read(${this.#name}::text, ${timeout}::integer, ${count}::integer)`;
    return rows.map(({ id }) => id);
  }

  /** The beginning of an attempt, by a statement of its own after the poll. */
  async start(id: string): Promise<void> {
    await this.#addHeader(this.#name, id, { "x-pgtq-status": "processing" });
  }

  /** Polls one task and begins the attempt. */
  async take(timeout?: number): Promise<string> {
    const [id] = await this.read(timeout);
    await this.start(id!);
    return id!;
  }

  /** Success: status, then archive. Nothing asks whether the task is still this worker's. */
  async complete(id: string): Promise<void> {
    await this.#remove(id, "completed");
  }

  /**
   * A failed attempt that is retried: error, status, visibility, in three statements. The error is
   * the bare message. 0.1.1 hands the time of the retry, in seconds since 1970, over as a number of
   * seconds to wait: the task is hidden for as long again as it is since 1970.
   */
  async retry(id: string, error: string, delay = 0): Promise<void> {
    await this.#addError(id, error);
    await this.#addHeader(this.#name, id, { "x-pgtq-status": "queued" });
    const seconds = Math.trunc(Date.now() / 1000 + delay);
    await this.#sql`
      select pgmq.set_vt(${this.#name}::text, ${id}::bigint, ${seconds}::integer)`;
  }

  /** The last failed attempt: error, dead letter, link to it, status, archive, one by one. */
  async fail(id: string, error: string, { dlq = true } = {}): Promise<string | undefined> {
    const errors = await this.#addError(id, error);
    const letter = dlq ? await this.#bury(id, errors) : undefined;
    await this.#remove(id, "failed");
    return letter;
  }

  /** `reschedule`: group and headers of the task are lost, and the letter is archived. */
  async reschedule(letter: string): Promise<string> {
    const [row] = await this.#sql<{ message: { msg_id: number; message: Json } }[]>`
      select message from pgmq.${this.#sql(`q_${this.#letters}`)} where msg_id = ${letter}`;
    const { msg_id, message } = row!.message;
    const id = await this.#send(this.#name, message, null);
    await this.#addHeader(this.#name, id, { "x-pgtq-original": String(msg_id) });
    await this.#addHeader(this.#letters, letter, { "x-pgtq-retry": id });
    await this.#archive(this.#letters, letter);
    return id;
  }

  /** What a Python worker with a concurrency limit counts before it begins an attempt. */
  async processingCount(): Promise<number> {
    const [row] = await this.#sql<{ count: string }[]>`
      select count(*) from pgmq.${this.#sql(`q_${this.#name}`)}
      where vt > now() and headers ->> 'x-pgtq-status' = 'processing'`;
    return Number(row!.count);
  }

  /** Which tasks a grouped poll would take first: heads of groups, unless they are hidden. */
  async openHeads(): Promise<string[]> {
    const rows = await this.#sql<{ id: string }[]>`
      select msg_id as id from (
        select distinct on (coalesce(headers ->> 'x-pgmq-group', '_default_fifo_group')) msg_id, vt
        from pgmq.${this.#sql(`q_${this.#name}`)}
        order by coalesce(headers ->> 'x-pgmq-group', '_default_fifo_group'), msg_id
      ) heads where vt <= clock_timestamp() order by msg_id`;
    return rows.map(({ id }) => id);
  }

  /** Not Python, but time: a task's visibility timeout passes. */
  async elapse(id: string): Promise<void> {
    await this.#sql`
      update pgmq.${this.#sql(`q_${this.#name}`)} set vt = clock_timestamp() where msg_id = ${id}`;
  }

  /** The rows of a table by id: of the queue, its archive, its dead letters, or their archive. */
  async rows(table: "queue" | "archive" | "dlq" | "dlq archive"): Promise<StoredRow[]> {
    const prefix = table.endsWith("archive") ? "a_" : "q_";
    const name = prefix + (table.startsWith("dlq") ? this.#letters : this.#name);
    const rows = await this.#sql<Omit<StoredRow, "known">[]>`
      select msg_id as id, read_ct, message, headers,
        extract(epoch from vt - clock_timestamp())::float8 as hidden
      from pgmq.${this.#sql(name)} order by msg_id`;
    return rows.map((row) => ({ ...row, known: row.headers && knownOf(row.headers) }));
  }

  get #letters(): string {
    return `${this.#name}_dlq`;
  }

  /** As text: a parameter of the type jsonb would be encoded once more. */
  #json(value: unknown) {
    return this.#sql`${JSON.stringify(value)}::text::jsonb`;
  }

  async #send(queue: string, message: unknown, headers: object | null): Promise<string> {
    const [row] = await this.#sql<{ id: string }[]>`
      select pgmq.send(${queue}::text, ${this.#json(message)}${
      headers ? this.#sql`, ${this.#json(headers)}` : this.#sql``
    }) as id`;
    return row!.id;
  }

  async #addHeader(queue: string, id: string, header: object): Promise<void> {
    await this.#sql`
      update pgmq.${this.#sql(`q_${queue}`)}
      set headers = coalesce(headers, '{}') || ${this.#json(header)} where msg_id = ${id}`;
  }

  async #addError(id: string, error: string): Promise<string[]> {
    const [row] = await this.#sql<{ headers: Record<string, string[]> | null }[]>`
      select headers from pgmq.${this.#sql(`q_${this.#name}`)} where msg_id = ${id}`;
    const errors = [...row?.headers?.["x-pgtq-errors"] ?? [], error];
    await this.#addHeader(this.#name, id, { "x-pgtq-errors": errors });
    return errors;
  }

  /** The dead letter has no headers. The link to it is a text. */
  async #bury(id: string, errors: string[]): Promise<string> {
    const [row] = await this.#sql<{ message: Json }[]>`
      select message from pgmq.${this.#sql(`q_${this.#name}`)} where msg_id = ${id}`;
    const letter = await this.#send(this.#letters, {
      msg_id: Number(id),
      queue_name: this.#name,
      message: row!.message,
      errors,
    }, null);
    await this.#addHeader(this.#name, id, { "x-pgtq-dlq": letter });
    return letter;
  }

  async #remove(id: string, status: "completed" | "failed"): Promise<void> {
    await this.#addHeader(this.#name, id, { "x-pgtq-status": status });
    await this.#archive(this.#name, id);
  }

  async #archive(queue: string, id: string): Promise<void> {
    await this.#sql`select pgmq.archive(${queue}::text, ${id}::bigint)`;
  }
}
