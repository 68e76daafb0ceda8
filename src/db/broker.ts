/**
 * The hot path: enqueue, claim, extend, settle. One statement each, on pgmq's own tables.
 *
 * @module
 */

import { fromJson } from "../core/input.ts";
import { type Delivery, header, headersOf, type Receipt, taskId } from "../core/task.ts";
import { query, type Queryable } from "./connection.ts";
import { errors, headers, held, moved, releases, sentReceipts } from "./fragments.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** A task on its way in: JSON texts, and when it is due. */
export interface NewTask {
  readonly message: string;
  readonly headers: string | null;
}

/** When tasks become due: after a delay, or at a time (ISO 8601). */
export interface Due {
  readonly delayMs: number;
  readonly at: string | null;
  /** In a transaction that goes on: the earlier tasks it sees may be gone when it commits. */
  readonly commitsLater?: boolean;
}

/** What a claim brought. */
export interface Claim {
  readonly deliveries: Delivery[];
  /** Milliseconds until the next task becomes due; `undefined` if none waits or the claim is full. */
  readonly nextDueMs: number | undefined;
}

/** A task to put back into the queue: after a failed attempt with its error, else without. */
export interface PutBack extends Receipt {
  readonly delayMs: number;
  readonly error: string | null;
}

const due = `greatest(clock_timestamp(), $2::text::timestamptz)
    + $1::float8 * interval '1 millisecond'`;

/**
 * A producer notifies only when its task becomes the first in due order. Otherwise workers either
 * have that earlier task still to claim, or have set their timers by it: they look again by
 * themselves, and the notification's lock at commit is not worth taking.
 */
function notifyIfFirst(tables: Tables, inserted: string): string {
  // By the smallest `vt`, which the index knows: asking whether there is any earlier one reads all.
  return `case when (select min(vt) from ${tables.queue}) <= (select min(vt) from ${inserted})
    then null else ${notify(tables)} end`;
}

function notify(tables: Tables): string {
  return `pg_notify('${tables.channel}', '')`;
}

/** Inserts tasks and returns their ids in the order given. */
export async function enqueue(
  sql: Queryable,
  tables: Tables,
  tasks: readonly NewTask[],
  { delayMs, at, commitsLater = false }: Due,
): Promise<number[]> {
  const text = `
    with new as (
      insert into ${tables.queue} (vt, message, headers)
      select ${due}, task -> 'message', nullif(task -> 'headers', 'null')
      from jsonb_array_elements($3::text::jsonb) with ordinality as t (task, place)
      order by place
      returning msg_id, vt
    )
    select array_to_string(array_agg(msg_id order by msg_id), ',') as ids,
      ${commitsLater ? notify(tables) : notifyIfFirst(tables, "new")} as woken
    from new`;
  const batch = `[${
    tasks.map((t) => `{"message":${t.message},"headers":${t.headers}}`).join(",")
  }]`;
  const doing = `Cannot enqueue to "${tables.name}"`;
  const [row] = await query<{ ids: string }>(sql, text, [delayMs, at, batch], doing);
  return row!.ids.split(",").map(taskId);
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

/** What a renewal found. */
export interface Renewal {
  /** The ids whose tasks are still held; the others belong to somebody else now. */
  readonly held: Set<number>;
  /** Those among them whose lease was renewed. */
  readonly extended: Set<number>;
}

/**
 * Renews leases. Rows that are locked are passed over: they are being settled, and waiting for them
 * in another order than the settlement does would be a deadlock.
 */
export async function extend(
  { sql, tables }: Site,
  receipts: readonly Receipt[],
  leaseMs: number,
): Promise<Renewal> {
  const text = `
    with mine as (
      select t.msg_id from ${tables.queue} t join ${sentReceipts} on ${held}
      for update of t skip locked
    ), extended as (
      update ${tables.queue} t set vt = clock_timestamp() + $3::float8 * interval '1 millisecond'
      where t.msg_id = any (array(select msg_id from mine)) returning t.msg_id
    )
    select t.msg_id as id, extended.msg_id is not null as renewed
    from ${tables.queue} t join ${sentReceipts} on ${held}
    left join extended on extended.msg_id = t.msg_id`;
  const doing = `Cannot renew leases on "${tables.name}"`;
  const parameters = [...arrays(receipts), leaseMs];
  const rows = await query<{ id: string; renewed: boolean }>(sql, text, parameters, doing);
  return { held: ids(rows), extended: ids(rows.filter(({ renewed }) => renewed)) };
}

/** Completes tasks: they move to the archive, or are gone. Returns the ids that were still held. */
export async function complete(
  site: Site,
  receipts: readonly Receipt[],
  archive: boolean,
): Promise<Set<number>> {
  const { sql, tables } = site;
  const gone = `delete from ${tables.queue} t using ${sentReceipts} where ${held}`;
  const text = archive ? toArchive(site, gone) : `${gone} returning t.msg_id as id`;
  return ids(await query(sql, text, arrays(receipts), `Cannot complete tasks of "${tables.name}"`));
}

/** A task id can be in the archive already if a queue was dropped and made anew: it stays there. */
function toArchive({ tables, lastReadAt }: Site, gone: string): string {
  const columns = moved(lastReadAt);
  return `
    with gone as (${gone} returning t.*), kept as (
      insert into ${tables.archive} (${columns}, headers)
      select ${columns}, ${headers} || '{"${header.status}": "completed"}' from gone t
      on conflict do nothing
    )
    select msg_id as id from gone`;
}

/**
 * Puts tasks back: a retry adds its error, a snooze or release counts as one. With `wake` idle
 * workers are told, for tasks whose own worker is going away.
 */
export async function putBack(
  { sql, tables }: Site,
  tasks: readonly PutBack[],
  { wake }: { wake: boolean },
): Promise<Set<number>> {
  const text = `
    with back as (
      update ${tables.queue} t set vt = clock_timestamp() + r.delay * interval '1 millisecond',
        headers = ${headers} || case
          when r.error is null then jsonb_build_object('${header.releases}', ${releases} + 1)
          else jsonb_build_object('${header.errors}', ${errors} || to_jsonb(r.error)) end
          || jsonb_build_object('${header.status}', 'queued', '${header.settled}', t.read_ct)
      from json_to_recordset($1::text::json)
        as r (id bigint, deliveries int, delay float8, error text)
      where ${held} returning t.msg_id as id
    )
    select id${wake ? `, ${notify(tables)}` : ""} from back`;
  const rows = tasks.map(({ id, deliveries, delayMs, error }) => ({
    id,
    deliveries,
    delay: delayMs,
    error,
  }));
  return ids(
    await query(sql, text, [JSON.stringify(rows)], `Cannot put tasks of "${tables.name}" back`),
  );
}

function arrays(receipts: readonly Receipt[]): [string, string] {
  return [
    `{${receipts.map((receipt) => receipt.id).join(",")}}`,
    `{${receipts.map((receipt) => receipt.deliveries).join(",")}}`,
  ];
}

/** The ids a statement returned. */
export function ids(rows: readonly object[]): Set<number> {
  return new Set((rows as { id: string }[]).map((row) => taskId(row.id)));
}
