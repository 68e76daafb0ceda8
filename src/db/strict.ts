/**
 * Claiming tasks where their order in groups or their number matters, over all workers.
 *
 * Claims of a queue take turns, so that each sees all that were made before it, and take nothing
 * that is in flight.
 *
 * @module
 */

import { header } from "../core/task.ts";
import {
  type Claim,
  claimable,
  claimedColumns,
  type ClaimOptions,
  type ClaimRow,
  leased,
  toClaim,
  wait,
} from "./claim.ts";
import { flights, type Rules } from "./flights.ts";
import { group, orderedGroup, running } from "./indexes.ts";
import type { Site } from "./site.ts";
import { hasTurn, type Turns } from "./turns.ts";

/** A round through the groups: where it has come to, and where it ends. */
export interface Round {
  readonly place: string;
  readonly end: string;
}

/** How much to claim, by which rules, and from which group on: without a round from any. */
export interface StrictClaimOptions extends ClaimOptions {
  readonly rules: Rules;
  /** How long to wait for the turn, and how long it may take then. */
  readonly timeoutMs?: number;
  /** The worker's own rules, for others to see, where those it keeps to are stricter. */
  readonly own?: Rules;
  readonly round?: Round | undefined;
}

/** What a claim brought, and what it saw. */
export interface StrictClaim extends Claim {
  /** Where the next claim goes on. */
  readonly round: Round | undefined;
  /** The round is not over: there may be more to claim in groups that it has not come to. */
  readonly unfinished: boolean;
  /** There are tasks in flight whose lease has run out; to be claimed they must be reaped. */
  readonly expired: boolean;
  /** How many tasks were in flight before, where their number matters. */
  readonly inFlight: number;
}

interface StrictRow extends ClaimRow {
  readonly place: string | null;
  readonly end: string | null;
  readonly unfinished: boolean;
  readonly expired: boolean;
  readonly flying: number;
}

/** How many groups a claim passes in vain before it lets others have their turn. */
const patience = 1000;

/**
 * Leases due tasks that may run now: of each group the head, if none of the group is in flight,
 * one group after the other; without groups the earliest due. Not more than the limit has room for.
 */
export async function claimStrictly(
  site: Site,
  turns: Turns,
  { limit, leaseMs, rules, own = rules, timeoutMs = leaseMs, round }: StrictClaimOptions,
): Promise<StrictClaim> {
  const { tables } = site;
  const where = rules.grouped ? [round?.place ?? null, round?.end ?? null] : [];
  const parameters = [limit, leaseMs, rules.limit ?? null, ...where];
  const doing = `Cannot claim from "${tables.name}"`;
  const statement = claimText(site, rules, own);
  const turn = { lock: lockOf(site), timeoutMs };
  const rows = await turns.query<StrictRow>(turn, statement, parameters, doing);
  const { place, end, unfinished, expired, flying } = rows[0]!;
  return {
    ...toClaim(rows, limit),
    unfinished,
    round: place === null ? undefined : { place, end: unfinished ? end! : place },
    expired,
    inFlight: flying,
  };
}

function lockOf({ tables: { queue } }: Site): string {
  return `pgtq claim ${queue}`;
}

function claimText(site: Site, rules: Rules, own: Rules): string {
  const { queue } = site.tables;
  const marks = JSON.stringify({ [header.status]: "processing", [header.rules]: own });
  const full = "(select count(*) from claimed) >= $1::int";
  return `
    with recursive now as materialized (select clock_timestamp() as at),
    ${flights(site.tables)},
    room as materialized (
      select case when ${hasTurn(lockOf(site))} then ${roomIn(rules)} else 0 end as size
    ),
    ${rules.grouped ? heads(queue, rules) : earliest(queue, rules)},
    claimed as (${leased(site, marks)})
    select ${claimedColumns}, ${rules.limit === undefined ? 0 : flying} as flying, ${
    rules.grouped ? roundColumns : noRound
  },
      case when not ${full} then (${wait(site.tables)}) end as wait,
      not ${full} and exists (select from flights where vt <= (select at from now)) as expired
    from (select) one left join claimed on true left join turns on turns.msg_id = claimed.id
    order by turns.turn ${rules.lifo && !rules.grouped ? "desc, id desc" : "asc, id"}`;
}

const flying = "(select count(*)::int from flights)";

/** How many tasks may be claimed: the strictest limit of those with tasks in flight counts. */
function roomIn({ limit }: Rules): string {
  if (limit === undefined) return "$1::int + coalesce($3::int, 0)";
  const strictest = `least($3::int, (select min("limit") from flights))`;
  return `greatest(0, least($1::int, ${strictest} - ${flying}))`;
}

/** Without groups: by the time of becoming due. */
function earliest(queue: string, { lifo }: Rules): string {
  return `
    due as (
      select t.msg_id, t.vt from ${queue} t
      where t.vt <= (select at from now) and (${running("t")}) is not true and ${claimable}
      order by t.vt ${lifo ? "desc" : "asc"} limit (select size from room)
      for update skip locked
    ),
    turns as (select msg_id, vt as turn from due)`;
}

/**
 * A round through the groups: each step is one descent in the index, to the head of the next group.
 * It starts behind the last one's place, begins anew after the last group, and ends where it has
 * started, or once there are enough heads: Postgres takes no step that nobody asks for.
 *
 * Whether the group of a head has a task in flight is asked by a sub-select, as any kind of join
 * might make all steps first.
 */
function heads(queue: string, { lifo }: Rules): string {
  const [after, within, direction] = lifo ? ["<", ">=", "desc"] : [">", "<=", "asc"];
  const place = orderedGroup("t");
  const head = (where: string) => `
    select ${place} as place, t.msg_id, t.vt, t.read_ct from ${queue} t ${where}
    order by ${place} ${direction}, t.msg_id ${direction} limit 1`;
  return `
    start as materialized (
      select place, coalesce($5::text collate "C", place) as "end"
      from (select coalesce($4::text collate "C", (${anyGroup(queue)}), '') as place) any_place
    ),
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
    ),
    heads as materialized (
      select place, msg_id, step from walk
      where vt <= (select at from now) and ${claimable} and (
        select true from ${queue} r
        where ${running("r")} and ${group("r")} = (walk.place collate "default") limit 1
      ) is null
      limit (select size from room)
    ),
    due as (
      select t.msg_id from ${queue} t
      where t.msg_id = any (array(select msg_id from heads))
        and t.vt <= (select at from now) and ${claimable} for update skip locked
    ),
    turns as (select msg_id, step as turn from heads)`;
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
const roundColumns = `
    coalesce(
      case when (select count(*) from heads) >= (select size from room)
        then (select place from heads order by step desc limit 1)
        else (select place from walk order by step desc limit 1) end,
      (select place from start)
    ) as place,
    (select "end" from start) as "end",
    case
      when (select count(*) from claimed) >= (select size from room) then false
      when (select count(*) from heads) >= (select size from room)
        then (select place from heads order by step desc limit 1) <> (select "end" from start)
      else (select max(step) from walk) >= $1::int + ${patience}
        and (select place from walk order by step desc limit 1) <> (select "end" from start)
    end as unfinished`;

const noRound = `null::text as place, null::text as "end", false as unfinished`;
