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
  type ClaimOptions,
  type ClaimRow,
  leased,
  toClaim,
  wait,
} from "./claim.ts";
import { type Crew, crews, flights, type Rules } from "./flights.ts";
import { running } from "./indexes.ts";
import { parcels } from "./parcels.ts";
import { heads, type Round, roundColumns } from "./round.ts";
import type { Site } from "./site.ts";
import { hasTurn, type Turns } from "./turns.ts";

/** How much to claim, by which rules, and from which group on: without a round from any. */
export interface StrictClaimOptions extends ClaimOptions {
  readonly rules: Rules;
  /** How long to wait for the turn, and how long it may take then. */
  readonly timeoutMs?: number;
  /** The worker's own rules, for others to see, where those it keeps to are stricter. */
  readonly own?: Rules;
  /** Who claims; without it each task counts. */
  readonly crew?: Crew | undefined;
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

/**
 * Leases due tasks that may run now: of each group the head, if none of the group is in flight,
 * one group after the other; without groups the earliest due. Not more than the limit has room for.
 */
export async function claimStrictly(
  site: Site,
  turns: Turns,
  { limit, leaseMs, rules, own = rules, crew, timeoutMs = leaseMs, round }: StrictClaimOptions,
): Promise<StrictClaim> {
  const { tables } = site;
  const where = rules.grouped ? [round?.place ?? null, round?.end ?? null] : [];
  const marks = { [header.status]: "processing", [header.rules]: { ...own, ...crew } };
  const parameters = [limit, leaseMs, rules.limit ?? null, JSON.stringify(marks), ...where];
  const doing = `Cannot claim from "${tables.name}"`;
  const statement = claimText(site, rules);
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

function claimText(site: Site, rules: Rules): string {
  const { queue } = site.tables;
  const direction = rules.lifo && !rules.grouped ? "desc" : "asc";
  const full = "(select count(*) from claimed) >= $1::int";
  return `
    with recursive now as materialized (select clock_timestamp() as at),
    ${flights(site.tables)},
    ${crews},
    room as materialized (
      select case when ${hasTurn(lockOf(site))} then (${roomIn(rules)}) else 0 end as size
    ),
    ${rules.grouped ? heads(site, rules) : earliest(queue, rules)},
    claimed as (${leased(site, rules.limit === undefined ? marks : marksOfDelivery)}),
    parcels as (${parcels("turns", `turns.turn ${direction}, id ${direction}`)})
    select parcels.*, ${rules.limit === undefined ? 0 : flying} as flying, ${
    rules.grouped ? roundColumns(site) : noRound
  },
      case when not ${full} then (${wait(site.tables)}) end as wait,
      not ${full} and exists (select from flights where vt <= (select at from now)) as expired
    from (select) one left join parcels on true order by part`;
}

const marks = "$4::text::jsonb";

/** The crew's name holds for this delivery only. */
const marksOfDelivery =
  `jsonb_set(${marks}, '{${header.rules},delivery}', to_jsonb(t.read_ct + 1))`;

const flying = "(select coalesce(sum(flying), 0)::int from crews)";

/**
 * How many tasks may be claimed: the strictest limit of those with tasks in flight counts. Who finds
 * room for all its seats may take tasks ahead: however many it holds, it won't run more at once.
 */
function roomIn({ limit }: Rules): string {
  // Every parameter has to be somewhere for Postgres to know its type; this one is null then.
  if (limit === undefined) return "$1::int + coalesce($3::int, 0)";
  const own = `(${marks} -> '${header.rules}')`;
  return `
        select case when (${own} ->> 'seats')::int <= free then $1::int
          else greatest(0, least($1::int, free - held)) end
        from (
          select least($3::int, (select min("limit") from flights))
              - coalesce(sum(flying) filter (where not ours), 0)::int as free,
            coalesce(sum(held) filter (where ours), 0)::int as held
          from (select *, worker is not distinct from ${own} ->> 'worker' as ours from crews) all_crews
        ) seats
      `;
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

/** The same columns without groups. */
const noRound = `null::text as place, null::text as "end", false as unfinished`;
