/**
 * Filling a queue by a statement of the server's own: millions of tasks take seconds.
 *
 * @module
 */

import { header } from "../../src/core/task.ts";
import { connection } from "../../src/db/connection.ts";
import type { Queue } from "../../src/queue.ts";

/** How many tasks, and what is special about them. */
export interface Tasks {
  readonly count: number;
  /** How many groups they are in, one after the other; without, they have none. */
  readonly groups?: number | undefined;
  /** When they become due, as Postgres writes intervals; without, they are due. */
  readonly delay?: string;
}

/** Puts tasks into a queue, as `enqueueMany` would; nobody is told. */
export async function insertTasks(queue: Queue, tasks: Tasks): Promise<void> {
  const { count, groups, delay = "0" } = tasks;
  const headers = groups === undefined
    ? "null"
    : `jsonb_build_object('${header.group}', 'group ' || n % ${groups})`;
  await connection().unsafe(
    `insert into ${queue.definition.tables.queue} (vt, message, headers)
    select clock_timestamp() + $2::text::interval, jsonb_build_object('n', n), ${headers}
    from generate_series(1, $1::int) n`,
    [count, delay],
  );
}

/** A queue that keeps its tasks over rounds, and gets back what a round has taken. */
export class Stock {
  readonly #queue: Queue;
  #size = 0;

  /** Nothing is filled yet. */
  constructor(queue: Queue) {
    this.#queue = queue;
  }

  /** Fills up to `size` tasks; the first time the queue is made anew. */
  async fill(size: number, others: Omit<Tasks, "count"> = {}): Promise<void> {
    if (this.#size === 0) {
      await this.#queue.drop();
      await this.#queue.create();
    }
    if (size > this.#size) await insertTasks(this.#queue, { ...others, count: size - this.#size });
    this.#size = Math.max(size, this.#size);
  }

  /** So many tasks are gone. */
  take(count: number): void {
    this.#size -= count;
  }
}
