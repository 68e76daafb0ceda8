/**
 * Going round the groups of a queue, for claims that take the head of each.
 *
 * @module
 */

import { claimable } from "./claim.ts";
import type { Rules } from "./flights.ts";
import { group, orderedGroup, running } from "./indexes.ts";
import type { Site } from "./site.ts";

/** A round through the groups: where it has come to, and where it ends. */
export interface Round {
  readonly place: string;
  readonly end: string;
}

/** How many groups a claim passes in vain before it lets others have their turn. */
const patience = 1000;

/** The heads that may run, in the order of a round, as many as there is room for. */
export function heads(site: Site, { lifo }: Rules): string {
  const { queue } = site.tables;
  const indexed = isIndexed(site);
  const order = lifo
    ? { after: "<", within: ">=", direction: "desc" }
    : { after: ">", within: "<=", direction: "asc" };
  return `
    start as materialized (
      select place, coalesce($6::text collate "C", place) as "end"
      from (select coalesce($5::text collate "C", (${anyGroup(queue)}), '') as place) any_place
    ),
    ${indexed ? walk(queue, order) : sorted(queue, order)},
    heads as materialized (
      select place, msg_id, step from walk
      where vt <= (select at from now) and ${claimable} and ${indexed ? unlocked(queue) : "free"}
      ${indexed ? "" : "order by step"} limit (select size from room)
    ),
    due as (
      select t.msg_id from ${queue} t
      where t.msg_id = any (array(select msg_id from heads))
        and t.vt <= (select at from now) and ${claimable} for update skip locked
    ),
    turns as (select msg_id, step as turn from heads)`;
}

/** Whether a round can go by the indexes, or has to look at all. */
function isIndexed({ indexes }: Site): boolean {
  return indexes.has("group") && indexes.has("running");
}

/** How a round goes. */
interface Order {
  readonly after: string;
  readonly within: string;
  readonly direction: string;
}

/**
 * A round through the groups: each step is one descent in the index, to the head of the next group.
 * It starts behind the last one's place, begins anew after the last group, and ends where it has
 * started, or once there are enough heads: Postgres takes no step that nobody asks for.
 */
function walk(queue: string, { after, within, direction }: Order): string {
  const place = orderedGroup("t");
  const head = (where: string) => `
    select ${place} as place, t.msg_id, t.vt, t.read_ct from ${queue} t ${where}
    order by ${place} ${direction}, t.msg_id ${direction} limit 1`;
  return `
    walk (place, msg_id, vt, read_ct, lap, step) as (
      select place, null::bigint, null::timestamptz, null::int,
        case when place = "end" or place ${after} "end" then 0 else 1 end, 0 from start
      union all
      select next.*, walk.step + 1 from walk cross join lateral (
        (select ahead.*, walk.lap from (${head(`where ${place} ${after} walk.place`)}) ahead
          where walk.lap = 0 or ahead.place ${within} (select "end" from start))
        union all
        (select first.*, 1 from (${head("")}) first
          where walk.lap = 0 and first.place ${within} (select "end" from start))
        limit 1
      ) next
      where walk.step < $1::int + ${patience}
    )`;
}

/**
 * Whether the group of a head has no task in flight: by a sub-select, as any kind of join might make
 * all steps of the round first.
 */
function unlocked(queue: string): string {
  return `(
        select true from ${queue} r
        where ${running("r")} and ${group("r")} = (walk.place collate "default") limit 1
      ) is null`;
}

/** The same round without the indexes: all groups at once, from one look at the whole queue. */
function sorted(queue: string, { after, direction }: Order): string {
  const place = orderedGroup("t");
  return `
    busy as materialized (select ${orderedGroup("r")} as place from ${queue} r where ${
    running("r")
  }),
    walk as materialized (
      select place, msg_id, vt, read_ct, not exists (
          select from busy where busy.place = head.place
        ) as free,
        row_number() over (
          order by case when place ${after} (select place from start) then 0 else 1 end,
            place ${direction}
        ) as step
      from (
        select distinct on (${place}) ${place} as place, t.msg_id, t.vt, t.read_ct from ${queue} t
        order by ${place} ${direction}, t.msg_id ${direction}
      ) head
    )`;
}

/** A group to start with: of any task, so that runs which end early don't all favour the same. */
function anyGroup(queue: string): string {
  return `
    select ${orderedGroup("t")} from ${queue} t
    where t.msg_id >= (
      select min(msg_id) + floor(random() * (max(msg_id) - min(msg_id) + 1))::bigint from ${queue}
    )
    order by t.msg_id limit 1`;
}

/** Where a round has come to: to the last head taken, or with too few of them as far as it went. */
export function roundColumns(site: Site): string {
  const last = (from: string) => `(select place from ${from} order by step desc limit 1)`;
  const enough = "(select count(*) from heads) >= (select size from room)";
  const unfinished = `case
      when (select count(*) from claimed) >= (select size from room) then false
      when ${enough} then ${last("heads")} <> (select "end" from start)
      else (select max(step) from walk) >= $1::int + ${patience}
        and ${last("walk")} <> (select "end" from start)
    end`;
  return `
    coalesce(case when ${enough} then ${last("heads")} else ${last("walk")} end,
      (select place from start)) as place,
    (select "end" from start) as "end",
    ${isIndexed(site) ? unfinished : "false"} as unfinished`;
}
