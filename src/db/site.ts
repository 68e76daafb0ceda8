/**
 * Looking a queue up: whether it is there, and in which of pgmq's shapes.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { query, type Queryable } from "./connection.ts";
import type { Tables } from "./tables.ts";
import { address, missingQueue } from "./trouble.ts";

/** A queue that is there, in a database. */
export interface Site {
  readonly sql: Queryable;
  readonly tables: Tables;
  /** Its tables have a column `last_read_at`: pgmq 1.10 and newer. */
  readonly lastReadAt: boolean;
}

interface Found {
  readonly pgmq: boolean;
  readonly queue: boolean;
  readonly reads: boolean;
}

/**
 * Looks a queue up. `owner` is the queue to create if it is missing: itself, or the one whose dead
 * letters it takes.
 *
 * @throws {PgtqError} `MISSING_PGMQ` or `MISSING_QUEUE`, each with the command that helps
 */
export async function siteOf(
  sql: Queryable,
  tables: Tables,
  doing: string,
  owner = tables.name,
): Promise<Site> {
  const text = `
    select to_regnamespace('pgmq') is not null as pgmq,
      to_regclass($1) is not null and to_regclass($2) is not null as queue,
      exists (
        select from pg_attribute
        where attrelid = to_regclass($1) and attname = 'last_read_at' and not attisdropped
      ) as reads`;
  const [found] = await query<Found>(sql, text, [tables.queue, tables.archive], doing);
  if (!found?.pgmq) {
    const where = address(sql);
    throw new PgtqError(
      "MISSING_PGMQ",
      `${doing} as pgmq is not installed in ${where}: run \`pgtq install\``,
    );
  }
  if (!found.queue) {
    throw new PgtqError("MISSING_QUEUE", `${doing} as ${missingQueue(tables.name, owner)}`);
  }
  return { sql, tables, lastReadAt: found.reads };
}
