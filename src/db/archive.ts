/**
 * The archive of finished tasks, and keeping it small.
 *
 * @module
 */

import { query, type Queryable } from "./connection.ts";
import type { Tables } from "./tables.ts";

/** What an archive keeps. */
export interface Retention {
  /** Rows archived longer ago than this are pruned. */
  readonly ttlMs: number | undefined;
  /** Only this many of the newest rows are kept. */
  readonly limit: number | undefined;
}

/** A point in an archive: this row and everything archived before it can go. */
export interface Cutoff {
  /** As Postgres writes it, to the microsecond. */
  readonly time: string;
  /** Rows of one transaction share their time: among those, ids up to this one. */
  readonly id: string;
}

/** Finds the later of the two points that age and number set, on pgmq's index on `archived_at`. */
export async function cutoff(
  sql: Queryable,
  tables: Tables,
  { ttlMs, limit }: Retention,
): Promise<Cutoff | undefined> {
  const text = `
    select time::text, id::text from (
      select clock_timestamp() - $1::float8 * interval '1 millisecond' as time, 0::bigint as id
      where $1 is not null
      union all (
        select archived_at, msg_id from ${tables.archive} where $2::bigint is not null
        order by archived_at desc, msg_id desc offset coalesce($2::bigint, 0) limit 1
      )
    ) both_rules order by both_rules.time desc, both_rules.id desc limit 1`;
  const doing = pruning(tables);
  const [row] = await query<Cutoff>(sql, text, [ttlMs ?? null, limit ?? null], doing);
  return row;
}

/** Deletes one batch, oldest first, past rows that others are pruning; returns its size. */
export async function pruneBatch(
  sql: Queryable,
  tables: Tables,
  { time, id }: Cutoff,
  batchSize: number,
): Promise<number> {
  const text = `
    with doomed as (
      select msg_id from ${tables.archive}
      where archived_at <= $1::text::timestamptz
        and (archived_at, msg_id) <= ($1::text::timestamptz, $2::text::bigint)
      order by archived_at limit $3::int for update skip locked
    ), deleted as (
      delete from ${tables.archive} where msg_id = any (array(select msg_id from doomed)) returning 1
    )
    select count(*)::int as count from deleted`;
  const parameters = [time, id, batchSize];
  const [row] = await query<{ count: number }>(sql, text, parameters, pruning(tables));
  return row!.count;
}

function pruning(tables: Tables): string {
  return `Cannot prune the archive of "${tables.name}"`;
}
