/**
 * Claiming tasks of a queue whose order and number nobody has to agree on.
 *
 * @module
 */

import { type Delivery, header } from "../core/task.ts";
import { query } from "./connection.ts";
import { accounted, crashes, headers } from "./fragments.ts";
import { type Parcel, parcels, unpack } from "./parcels.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** What a claim brought. */
export interface Claim {
  readonly deliveries: Delivery[];
  /** There may be more to claim right away. */
  readonly more: boolean;
  /** Milliseconds until the next task becomes due; `undefined` if none waits or the claim is full. */
  readonly nextDueMs: number | undefined;
}

/** What a claim without order or number brought. */
export interface PlainClaim extends Claim {
  /** When the last of the tasks became due, as Postgres writes it. */
  readonly last: string | undefined;
}

/** Rows that can't be handed over stay: failing on one would take its neighbours' leases in vain. */
export const claimable = `msg_id <= ${Number.MAX_SAFE_INTEGER} and read_ct < ${2 ** 31 - 1}`;

/** A row of a claim's answer. The first one is there even if nothing was claimed. */
export interface ClaimRow extends Parcel {
  readonly wait: number | null;
}

interface PlainRow extends ClaimRow {
  readonly last: string | null;
}

/** How much to claim. */
export interface ClaimOptions {
  readonly limit: number;
  readonly leaseMs: number;
  /** Latest due first. */
  readonly lifo?: boolean;
}

/** From where on to claim. */
export interface PlainClaimOptions extends ClaimOptions {
  /** Only tasks that became due then or later; with `lifo` then or earlier. */
  readonly since?: string | undefined;
}

/**
 * Leases up to `limit` due tasks, earliest due first. Rows that others are claiming are skipped.
 *
 * `vt` is compared with a sub-select because Postgres can't use an index on it against a volatile
 * function; ordering by `vt` alone lets one batch of equal times come off the index unsorted.
 */
export async function claim(
  site: Site,
  { limit, leaseMs, lifo = false, since }: PlainClaimOptions,
): Promise<PlainClaim> {
  const { sql, tables } = site;
  const [direction, after, last] = lifo ? ["desc", "<=", "min"] : ["asc", ">=", "max"];
  const begin = `coalesce($3::text::timestamptz, '${lifo ? "" : "-"}infinity')`;
  const text = `
    with due as (
      select msg_id, vt from ${tables.queue}
      where vt <= (select clock_timestamp()) and vt ${after} (select ${begin}) and ${claimable}
      order by vt ${direction} limit (select $1::int) for update skip locked
    ), claimed as (${leased(site)}),
    parcels as (${parcels("due", `due.vt ${direction}, id ${direction}`)})
    select parcels.*, case when (select count(*) from claimed) < $1::int
      then (${wait(tables)}) end as wait, (select ${last}(vt) from due)::text as last
    from (select) one left join parcels on true order by part`;
  const doing = `Cannot claim from "${tables.name}"`;
  const rows = await query<PlainRow>(sql, text, [limit, leaseMs, since ?? null], doing);
  return { ...toClaim(rows, limit), last: rows[0]!.last ?? undefined };
}

/**
 * Leases the rows of `due` for `$2` milliseconds, and adds `marks` to their headers. With an array
 * of ids the update goes by the primary key: a join reads a big queue from end to end.
 */
export function leased({ tables, lastReadAt }: Site, marks?: string): string {
  const marked = marks ? `${headers} || ${marks}` : headers;
  return `
    update ${tables.queue} t set read_ct = t.read_ct + 1,
      ${lastReadAt ? "last_read_at = clock_timestamp()," : ""}
      headers = case when t.read_ct > 0 and t.read_ct > ${accounted}
        then ${marked} || ${doubt} else ${marks ? marked : "t.headers"} end,
      vt = clock_timestamp() + $2::float8 * interval '1 millisecond'
    where t.msg_id = any (array(select msg_id from due))
    returning t.msg_id as id, t.read_ct as deliveries,
      date_part('epoch', t.enqueued_at) * 1000 as enqueued, t.message, t.headers`;
}

/**
 * What is noted on a task that was read before without a result: that this claim is ours, and
 * whether the last one was. Others read tasks, too, and let them lie when they have no room.
 */
const doubt = `jsonb_build_object('${header.claimed}', t.read_ct + 1, '${header.crashes}',
        ${crashes} + (t.headers ->> '${header.claimed}' is not distinct from t.read_ct::text)::int)`;

/** How many milliseconds there are until the next task becomes due, or a lease runs out. */
export function wait({ queue }: Tables): string {
  return `select (extract(epoch from min(vt)) - extract(epoch from clock_timestamp()))::float8 * 1000
    from ${queue} where vt > (select clock_timestamp())`;
}

/** A claim's answer as it is handed over. */
export function toClaim(rows: readonly ClaimRow[], limit: number): Claim {
  const deliveries = rows.flatMap(unpack);
  return {
    deliveries,
    more: deliveries.length >= limit,
    nextDueMs: rows[0]?.wait ?? undefined,
  };
}
