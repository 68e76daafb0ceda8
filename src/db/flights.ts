/**
 * Tasks in flight, where order or number matter.
 *
 * A task is in flight from a strict claim until it is settled: its status header says `processing`.
 * A lease that runs out changes nothing by itself: {@linkcode reap} does.
 *
 * @module
 */

import { header } from "../core/task.ts";
import { query } from "./connection.ts";
import { headers } from "./fragments.ts";
import { running } from "./indexes.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** What all workers of a queue are to keep to. */
export interface Rules {
  /** One task of a group at a time, in order. */
  readonly grouped: boolean;
  /** The newest task first. */
  readonly lifo: boolean;
  /** How many tasks may be in flight. */
  readonly limit: number | undefined;
}

/**
 * Who claims. A worker that takes tasks ahead of time holds more than it runs at once: no more of
 * them than it has seats for count as in flight.
 */
export interface Crew {
  /** A name that no other worker has. */
  readonly worker: string;
  /** How many tasks it runs at once, the same for as long as it claims. */
  readonly seats: number;
}

/**
 * All tasks in flight, to be asked for more: by any other condition the planner might find them in
 * another index, past all that is due or delayed.
 */
export function flights({ queue }: Tables): string {
  const rule = (name: string) => `r.headers #>> '{${header.rules},${name}}'`;
  const count = (name: string) =>
    `case when ${rule(name)} ~ '^[1-9]\\d{0,8}$' then (${rule(name)})::int end as "${name}"`;
  return `flights as materialized (
      select r.msg_id, r.vt, ${rule("grouped")} = 'true' as grouped, ${count("limit")},
        case when ${rule("delivery")} = r.read_ct::text then ${rule("worker")} end as worker,
        ${count("seats")}
      from ${queue} r where ${running("r")}
    )`;
}

/**
 * How many tasks each worker has in flight, as far as they count; those of nobody all do. They are
 * also nobody's if somebody else has read them since: others leave the headers as they were.
 */
export const crews = `crews as materialized (
      select worker, count(*)::int as held,
        least(count(*), max(seats) filter (where worker is not null))::int as flying
      from flights group by worker
    )`;

/**
 * Puts back what is in flight on a lease that has run out. Whoever held it finds that out when it
 * renews or settles. Rows that are locked are being settled or renewed right now. Returns how many.
 */
export async function reap({ sql, tables }: Site): Promise<number> {
  const expired = `vt <= (select clock_timestamp())`;
  const text = `
    with ${flights(tables)}, due as (
      select t.msg_id from ${tables.queue} t
      where t.msg_id = any (array(select msg_id from flights where ${expired}))
        and ${running("t")} and t.${expired} for update skip locked
    )
    update ${tables.queue} t
    set headers = ${headers} - '${header.rules}'
      || jsonb_build_object('${header.status}', 'queued', '${header.settled}', t.read_ct)
    where t.msg_id = any (array(select msg_id from due))
    returning t.msg_id as id`;
  const doing = `Cannot take back tasks of "${tables.name}"`;
  return (await query(sql, text, [], doing)).length;
}

/** The strictest rules that workers with tasks in flight keep to. */
export async function rulesInForce({ sql, tables }: Site): Promise<Omit<Rules, "lifo">> {
  const text = `
    with ${flights(tables)}
    select coalesce(bool_or(grouped), false) as grouped, min("limit") as "limit"
    from flights where vt > (select clock_timestamp())`;
  const doing = `Cannot read the rules of "${tables.name}"`;
  type Row = { grouped: boolean; limit: number | null };
  const [row] = await query<Row>(sql, text, [], doing);
  return { grouped: row!.grouped, limit: row!.limit ?? undefined };
}
