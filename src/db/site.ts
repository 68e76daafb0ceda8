/**
 * Looking a queue up: whether it is there, and in which of pgmq's shapes.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { query, type Queryable } from "./connection.ts";
import { indexes, type IndexName, indexName } from "./indexes.ts";
import type { Tables } from "./tables.ts";
import { address, missingQueue } from "./trouble.ts";

/** A queue that is there, in a database. */
export interface Site {
  readonly sql: Queryable;
  readonly tables: Tables;
  /** Its tables have a column `last_read_at`: pgmq 1.10 and newer. */
  readonly lastReadAt: boolean;
  /** Which of our indexes it has. */
  readonly indexes: ReadonlySet<IndexName>;
}

interface Found {
  readonly pgmq: boolean;
  readonly queue: boolean;
  readonly reads: boolean;
  readonly indexes: readonly IndexName[];
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
  const names = indexes.map((name) => `('${name}', '${indexName(tables, name)}')`).join(", ");
  const text = `
    select to_regnamespace('pgmq') is not null as pgmq,
      to_regclass($1) is not null and to_regclass($2) is not null as queue,
      exists (
        select from pg_attribute
        where attrelid = to_regclass($1) and attname = 'last_read_at' and not attisdropped
      ) as reads,
      array_to_json(array(
        select name from (values ${names}) as ours (name, index)
        join pg_index i on i.indexrelid = to_regclass(index) and i.indisvalid
      )) as indexes`;
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
  return { sql, tables, lastReadAt: found.reads, indexes: new Set(found.indexes) };
}
