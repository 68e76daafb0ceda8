/**
 * Awaiting that a statement waits for another one, instead of sleeping until it should.
 *
 * @module
 */

import type { Sql } from "../../src/db/connection.ts";

/** Resolves once this many connections to the database wait for a lock. */
export async function blocked(sql: Sql, count = 1): Promise<void> {
  for (;;) {
    const waiting = await sql`
      select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    if (waiting.length >= count) return;
  }
}
