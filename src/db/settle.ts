/**
 * Renewing leases and settling tasks: one statement each, fenced by the receipts.
 *
 * @module
 */

import { header, type Receipt, taskId } from "../core/task.ts";
import { query } from "./connection.ts";
import { errors, headers, held, moved, notify, releases, sentReceipts } from "./fragments.ts";
import type { Site } from "./site.ts";

/** A task to put back into the queue: after a failed attempt with its error, else without. */
export interface PutBack extends Receipt {
  readonly delayMs: number;
  readonly error: string | null;
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

/** What settling a task may do besides. */
export interface Aftermath {
  /** Tells the workers that wait: whoever has settled the task is not going to claim another. */
  readonly wake: boolean;
}

/** Completes tasks: they move to the archive, or are gone. Returns the ids that were still held. */
export async function complete(
  site: Site,
  receipts: readonly Receipt[],
  archive: boolean,
  aftermath: Aftermath = { wake: false },
): Promise<Set<number>> {
  const remove = (kept: string) => removed(site, receipts, kept, aftermath);
  if (!archive) return await remove("");
  try {
    return await remove(archived(site));
  } catch (error) {
    if ((error as { code?: unknown }).code !== "23505") throw error;
    // The queue was dropped and made anew, and the archive still has tasks of these ids: they stay.
    // To always say so would cost each task a second look at the index, and one more record of WAL.
    return await remove(archived(site, "on conflict do nothing"));
  }
}

/** Takes tasks out of the queue; `kept` is what to do with those that are `gone`. */
async function removed(
  { sql, tables }: Site,
  receipts: readonly Receipt[],
  kept: string,
  { wake }: Aftermath,
): Promise<Set<number>> {
  const text = `
    with gone as (
      delete from ${tables.queue} t using ${sentReceipts} where ${held} returning t.*
    )${kept}
    select array_to_string(array(
      select r.id from ${sentReceipts} where r.id not in (select msg_id from gone)
    ), ',') as lost${wake ? `, (select ${notify(tables)} from gone limit 1)` : ""}`;
  const doing = `Cannot complete tasks of "${tables.name}"`;
  const [row] = await query<{ lost: string }>(sql, text, arrays(receipts), doing);
  const lost = new Set(row!.lost === "" ? [] : row!.lost.split(",").map(taskId));
  return new Set(receipts.map(({ id }) => id).filter((id) => !lost.has(id)));
}

function archived({ tables, lastReadAt }: Site, onConflict = ""): string {
  const columns = moved(lastReadAt);
  return `, kept as (
      insert into ${tables.archive} (${columns}, headers)
      select ${columns}, ${headers} - '${header.rules}' || '{"${header.status}": "completed"}'
      from gone t ${onConflict}
    )`;
}

/** Puts tasks back: a retry adds its error, a snooze or release counts as one. */
export async function putBack(
  { sql, tables }: Site,
  tasks: readonly PutBack[],
  { wake }: Aftermath,
): Promise<Set<number>> {
  const text = `
    with back as (
      update ${tables.queue} t set vt = clock_timestamp() + r.delay * interval '1 millisecond',
        headers = ${headers} - '{${header.rules},${header.claimed}}'::text[] || case
          when r.error is null then jsonb_build_object('${header.releases}', ${releases} + 1)
          else jsonb_build_object('${header.errors}', ${errors} || to_jsonb(r.error)) end
          || jsonb_build_object('${header.status}', 'queued', '${header.settled}', t.read_ct)
      from json_to_recordset((select $1::text::json))
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

/** Tells the workers of a queue that there may be something to claim. */
export async function wakeWorkers({ sql, tables }: Site): Promise<void> {
  await query(sql, `select ${notify(tables)}`, [], `Cannot wake the workers of "${tables.name}"`);
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
