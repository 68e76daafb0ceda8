/**
 * Creating queues.
 *
 * @module
 */

import type { Queryable } from "./connection.ts";
import { createIndexes } from "./indexes.ts";
import { rightsSql } from "./rights.ts";
import type { Tables } from "./tables.ts";
import { readable } from "./trouble.ts";

/** The advisory lock under which the library creates objects: pgmq before 1.6 races by itself. */
export const creationLock = `select pg_advisory_xact_lock(hashtextextended('pgtq', 0))`;

/**
 * Creates the tables of a queue and its indexes, and the tables of its dead letters. What exists
 * stays as it is. Roles that are made for it get their rights on them.
 */
export async function createTables(
  sql: Queryable,
  tables: Tables,
  letters: Tables | undefined,
): Promise<void> {
  // What is there isn't asked for: pgmq would want the right to create.
  const missing = [tables, letters ?? tables].map(({ name, queue, archive }) => `
    select pgmq.create('${name}') where num_nulls(to_regclass('${queue}'), to_regclass('${archive}')) > 0`);
  // Rather an error than everybody behind us in the line for a table that a session has locked.
  const statements = `${creationLock};
    select set_config('lock_timeout', '30s', true);
    ${missing.join(";")};
    ${createIndexes(tables)};
    ${await rightsSql()}`;
  try {
    // One simple query is one implicit transaction, which releases the lock at its end.
    await sql.unsafe(statements).simple();
  } catch (error) {
    throw readable(error, `Cannot create the queue "${tables.name}"`, sql);
  }
}
