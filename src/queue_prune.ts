/**
 * Keeping an archive as small as its queue says.
 *
 * @module
 */

import { cutoff, pruneBatch, type Retention } from "./db/archive.ts";
import type { Queryable } from "./db/connection.ts";
import type { Tables } from "./db/tables.ts";
import type { QueueDefinition } from "./queue_options.ts";

/** How to prune. */
export interface Pruning {
  readonly batchSize: number;
  readonly signal: AbortSignal | undefined;
}

/** Prunes the archives of a queue and of its dead letters; returns how many rows are gone. */
export async function pruneBoth(
  sql: Queryable,
  { tables, letters, archive, lettersArchive }: QueueDefinition,
  pruning: Pruning,
): Promise<number> {
  const count = await prune(sql, tables, archive, pruning);
  return letters ? count + await prune(sql, letters, lettersArchive, pruning) : count;
}

async function prune(
  sql: Queryable,
  tables: Tables,
  retention: Retention | undefined,
  { batchSize, signal }: Pruning,
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
