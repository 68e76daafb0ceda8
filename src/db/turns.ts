/**
 * Statements that take turns, over all processes.
 *
 * @module
 */

import { openAlone, type Sql } from "./connection.ts";
import { readable } from "./trouble.ts";

/** What statements take turns by, and how long the server lets each of them wait or run. */
export interface Turn {
  readonly lock: string;
  readonly timeoutMs: number;
}

/** Holds in a statement that has its turn. */
export function hasTurn(lock: string): string {
  return `current_setting('pgtq.turn', true) = '${lock}'`;
}

/**
 * Runs statements that take turns, on a connection of its own, one after the other.
 *
 * A statement that took the lock itself would do so after its snapshot, and miss what the one before
 * it has done. So the lock goes first; all of the transaction is sent in one go, that the lock may
 * be held for no longer than the server takes. (Where statements aren't prepared by name, the driver
 * asks for their types each time, and the lock is held for two round trips more.)
 *
 * Where the connection breaks in between, the driver sends the rest on a new one. A statement has
 * to ask for its turn, see {@linkcode hasTurn}, and do nothing without.
 */
export class Turns implements AsyncDisposable {
  readonly #sql: Sql;
  #alone: Sql | undefined;

  /** Connects to where the pool does, once there is something to do. */
  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Runs one prepared statement; `doing` starts the sentence that a user reads if it fails. */
  async query<Row extends object>(
    { lock, timeoutMs }: Turn,
    text: string,
    parameters: readonly (string | number | null)[],
    doing: string,
  ): Promise<Row[]> {
    const sql = this.#alone ??= openAlone(this.#sql);
    const timeout = Math.ceil(timeoutMs);
    const sent = [
      sql.unsafe(`begin isolation level read committed;
        set local statement_timeout = ${timeout};
        set local idle_in_transaction_session_timeout = ${timeout};
        select pg_advisory_xact_lock(hashtextextended('${lock}', 0));
        select set_config('pgtq.turn', '${lock}', true)`),
      sql.unsafe<Row[]>(text, [...parameters], { prepare: true }),
      sql.unsafe("commit"),
    ] as const;
    for (const statement of sent) statement.execute(); // in this order, not as they are awaited
    try {
      return (await Promise.all(sent))[1];
    } catch (error) {
      await Promise.allSettled(sent); // the driver keeps a timer for a connection that ends earlier
      throw readable(error, doing, sql);
    }
  }

  /** Gives up a connection that doesn't answer; the next statement goes on another one. */
  reset(): void {
    void this[Symbol.asyncDispose]();
  }

  /** Ends the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    const sql = this.#alone;
    this.#alone = undefined;
    await sql?.end({ timeout: 0 });
  }
}
