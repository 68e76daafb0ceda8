/**
 * Claiming tasks of a queue whose order and number nobody has to agree on.
 *
 * @module
 */

import { fromJson } from "../core/input.ts";
import { type Delivery, headersOf, taskId } from "../core/task.ts";
import { query } from "./connection.ts";
import type { Site } from "./site.ts";

/** What a claim brought. */
export interface Claim {
  readonly deliveries: Delivery[];
  /** Milliseconds until the next task becomes due; `undefined` if none waits or the claim is full. */
  readonly nextDueMs: number | undefined;
}

/** Rows that can't be handed over stay: failing on one would take its neighbours' leases in vain. */
const claimable = `msg_id <= ${Number.MAX_SAFE_INTEGER} and read_ct < ${2 ** 31 - 1}`;

interface ClaimRow {
  readonly id: string | null;
  readonly deliveries: number;
  readonly enqueued: Date | string;
  readonly message: string | null;
  readonly headers: string | null;
  readonly wait: number | null;
}

/**
 * Leases up to `limit` due tasks, earliest due first. Rows that others are claiming are skipped.
 *
 * `vt` is compared with a sub-select because Postgres can't use an index on it against a volatile
 * function; ordering by `vt` alone lets one batch of equal times come off the index unsorted. With
 * an array of ids the update goes by the primary key: a join reads a big queue from end to end.
 */
export async function claim(
  { sql, tables, lastReadAt }: Site,
  { limit, leaseMs }: { limit: number; leaseMs: number },
): Promise<Claim> {
  const text = `
    with due as (
      select msg_id, vt from ${tables.queue}
      where vt <= (select clock_timestamp()) and ${claimable}
      order by vt limit $1::int for update skip locked
    ), claimed as (
      update ${tables.queue} t set read_ct = t.read_ct + 1,
        ${lastReadAt ? "last_read_at = clock_timestamp()," : ""}
        vt = clock_timestamp() + $2::float8 * interval '1 millisecond'
      where t.msg_id = any (array(select msg_id from due))
      returning t.msg_id as id, t.read_ct as deliveries, t.enqueued_at as enqueued, t.message,
        t.headers
    )
    select id, deliveries, enqueued, message::text, headers::text,
      case when (select count(*) from claimed) < $1::int then (
        select (extract(epoch from min(vt)) - extract(epoch from clock_timestamp()))::float8 * 1000
        from ${tables.queue} where vt > (select clock_timestamp())
      ) end as wait
    from (select) one left join claimed on true left join due on msg_id = id
    order by due.vt, id`;
  const doing = `Cannot claim from "${tables.name}"`;
  const rows = await query<ClaimRow>(sql, text, [limit, leaseMs], doing);
  return {
    deliveries: rows.filter((row) => row.id !== null).map(toDelivery),
    nextDueMs: rows[0]?.wait ?? undefined,
  };
}

function toDelivery(row: ClaimRow): Delivery {
  return {
    id: taskId(row.id),
    deliveries: row.deliveries,
    enqueuedAt: new Date(row.enqueued),
    message: fromJson(row.message),
    headers: headersOf(fromJson(row.headers)),
  };
}
