/**
 * Keeping an archive as small as its queue says.
 *
 * @module
 */

import { cutoff, pruneBatch, type Retention } from "./db/archive.ts";
import type { Sql } from "./db/connection.ts";
import type { Tables } from "./db/tables.ts";

/** Prunes one archive, batch by batch; returns how many rows are gone. */
export async function prune(
  sql: Sql,
  tables: Tables,
  retention: Retention | undefined,
  batchSize: number,
  signal: AbortSignal | undefined,
): Promise<number> {
  if (retention?.ttlMs === undefined && retention?.limit === undefined) return 0;
  const last = await cutoff(sql, tables, retention);
  let count = 0;
  let batch = batchSize;
  while (last && batch === batchSize && !signal?.aborted) {
    batch = await pruneBatch(sql, tables, last, batchSize);
    count += batch;
  }
  return count;
}
