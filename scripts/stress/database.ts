/**
 * What a stress run has from the database: the clock, the log that handlers write to, and a look at
 * pgmq's tables that doesn't rely on the library.
 *
 * @module
 */

import type { Sql } from "../../src/db/connection.ts";
import type { Outcome, Places, Run, Sample } from "./evidence.ts";

/** One line of the log. */
export interface Entry {
  readonly kind: "start" | "end" | "lost";
  readonly worker: string;
  /** The number of the run in its worker. */
  readonly run: number;
  readonly task: number;
  readonly group: string;
  readonly attempt: number;
  readonly outcome: Outcome | null;
}

/** The database's clock, in milliseconds. */
export async function clock(sql: Sql): Promise<number> {
  const [row] = await sql.unsafe<{ now: number }[]>(
    "select (extract(epoch from clock_timestamp()) * 1000)::float8 as now",
  );
  return row!.now;
}

/** Creates the log. Unlogged, as the log need not outlive the database's process. */
export async function createLog(sql: Sql): Promise<void> {
  await sql.unsafe(`create unlogged table stress_log (
    n bigserial, kind text, worker text, run int, task bigint, grp text, attempt int, outcome text,
    at timestamptz not null default clock_timestamp())`);
}

/** Writes one line: one statement, dated by the database. */
export async function write(sql: Sql, entry: Entry): Promise<void> {
  const { kind, worker, run, task, group, attempt, outcome } = entry;
  await sql.unsafe(
    `insert into stress_log (kind, worker, run, task, grp, attempt, outcome)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [kind, worker, run, task, group, attempt, outcome],
    { prepare: true },
  );
}

/** About how many lines there are; cheap, however many. */
export async function progress(sql: Sql): Promise<number> {
  const [row] = await sql.unsafe<{ n: number }[]>(
    "select last_value::int as n from stress_log_n_seq",
  );
  return row!.n;
}

/** All runs. */
export async function readRuns(sql: Sql): Promise<Run[]> {
  return [
    ...await sql.unsafe<Run[]>(`
    select s.worker, s.task::int, s.grp as "group", s.attempt,
      (extract(epoch from s.at) * 1000)::float8 as start,
      (extract(epoch from e.at) * 1000)::float8 as "end", e.outcome, l.worker is not null as lost
    from stress_log s
    left join stress_log e on e.kind = 'end' and (e.worker, e.run) = (s.worker, s.run)
    left join (select distinct worker, run from stress_log where kind = 'lost') l
      on (l.worker, l.run) = (s.worker, s.run)
    where s.kind = 'start'`),
  ].map((run) => ({ ...run, end: run.end ?? undefined, outcome: run.outcome ?? undefined }));
}

/** Where the tasks are now. */
export async function readPlaces(sql: Sql): Promise<Places> {
  const archived = (status: string) =>
    `(select count(*)::int from pgmq.a_stress where headers ->> 'x-pgtq-status' = '${status}')`;
  const [row] = await sql.unsafe<Places[]>(`
    select (select count(*)::int from pgmq.q_stress) as queued,
      (select count(*)::int from pgmq.q_stress_dlq) as dead,
      ${archived("completed")} as completed, ${archived("failed")} as failed`);
  return row!;
}

/** What is in flight: marked so, and under a lease; the mark alone outlives a killed worker. */
export async function readSample(sql: Sql): Promise<Sample> {
  const [row] = await sql.unsafe<Sample[]>(`
    select (extract(epoch from clock_timestamp()) * 1000)::float8 as at,
      coalesce(sum(count), 0)::int as "inFlight", coalesce(max(count), 0)::int as "ofOneGroup"
    from (
      select count(*) from pgmq.q_stress
      where headers ->> 'x-pgtq-status' = 'processing' and vt > clock_timestamp()
      group by headers ->> 'x-pgmq-group'
    ) as groups`);
  return row!;
}
