/**
 * Looking at queues and managing them.
 *
 * @module
 */

import { fromJson } from "../core/input.ts";
import {
  errorsOf,
  groupOf,
  header,
  type Headers,
  headersOf,
  taskId,
  type TaskState,
} from "../core/task.ts";
import { query, type Queryable, type Sql } from "./connection.ts";
import { errors, headers, lettersOf, moved, notify, processing } from "./fragments.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** How full a queue is. Exact up to 100,000 each; beyond, an estimate of the whole table. */
export interface Stats {
  /** Due and waiting for a worker. */
  readonly queued: number;
  /** Waiting for their time: delayed, snoozed, or between two attempts. */
  readonly delayed: number;
  /** In the hands of a worker. */
  readonly processing: number;
  /** Dead letters. */
  readonly dead: number;
  /** Tasks in the archive. */
  readonly archived: number;
  /** How long the task that waits longest has been due, in seconds; `null` if none waits. */
  readonly oldestAgeSeconds: number | null;
}

/** A task as it is seen without claiming it. */
export interface ListedTask {
  readonly id: number;
  readonly state: TaskState;
  /** The task's body. */
  readonly task: unknown;
  readonly group: string | undefined;
  /** One text per failed attempt, oldest first. */
  readonly errors: readonly string[];
  /** How often a worker has taken it. */
  readonly deliveries: number;
  readonly enqueuedAt: Date;
  /** When it becomes due, or, in the hands of a worker, when its lease ends. */
  readonly visibleAt: Date;
  readonly headers: Headers;
}

/** Drops the tables of a queue with everything in them; `false` if there was no such queue. */
export async function drop(sql: Queryable, tables: Tables): Promise<boolean> {
  const text = `select pgmq.drop_queue(queue_name) as dropped from pgmq.meta
    where lower(queue_name) = lower($1::text)`;
  const doing = `Cannot drop the queue "${tables.name}"`;
  return (await query(sql, text, [tables.name], doing)).length > 0;
}

/** Removes every task from a queue, running ones too; returns how many there were. */
export async function purge(sql: Queryable, tables: Tables): Promise<number> {
  const text = `select pgmq.purge_queue($1::text) as count`;
  const doing = `Cannot purge the queue "${tables.name}"`;
  const [row] = await query<{ count: string }>(sql, text, [tables.name], doing);
  return Number(row!.count);
}

/** Takes a task out that no worker holds; it is archived as failed. `false` if it is not there. */
export async function cancel(
  { sql, tables, lastReadAt }: Site,
  { id, archive }: { id: number; archive: boolean },
): Promise<boolean> {
  const columns = moved(lastReadAt);
  const kept = archive
    ? `, kept as (
        insert into ${tables.archive} (${columns}, headers)
        select ${columns}, ${headers} - '${header.rules}' || jsonb_build_object(
          '${header.status}', 'failed', '${header.errors}', ${errors} || '["Cancelled"]')
        from gone t on conflict do nothing
      )`
    : "";
  const text = `
    with gone as (
      delete from ${tables.queue} t where t.msg_id = $1::bigint and not (${processing})
      returning t.*
    )${kept}
    select msg_id, ${notify(tables)} from gone`;
  const doing = `Cannot cancel task ${id} of "${tables.name}"`;
  return (await query(sql, text, [id], doing)).length > 0;
}

/** Counting stops here, so that it costs the same at any depth. */
const counted = 100_000;

/** How many rows a table has by its size and the planner's statistics, or by its span of ids. */
function estimate(table: string): string {
  return `(select case when c.reltuples > 0
      then (c.reltuples / c.relpages * (pg_relation_size(c.oid) / 8192))::bigint
      else (select max(msg_id) - min(msg_id) + 1 from ${table}) end
    from pg_class c where c.oid = '${table}'::regclass)`;
}

/** A count of rows up to the bound; beyond, an estimate for the whole table. */
function bounded(table: string, where: string): string {
  return `(select case when count(*) <= ${counted} then count(*)
      else greatest(count(*), ${estimate(table)}) end
    from (select from ${table} t where ${where} limit ${counted + 1}) first_rows)`;
}

/** The dead letters of a queue among the first in their table, which it may share with others. */
function boundedLetters(tables: Tables, letters: Tables): string {
  return `(select case when count(*) <= ${counted} then count(*) filter (where ${lettersOf(tables)})
      else greatest(count(*), ${estimate(letters.queue)}) end
    from (select message from ${letters.queue} limit ${counted + 1}) t)`;
}

/** Counts a queue. */
export async function stats(
  sql: Queryable,
  tables: Tables,
  letters: Tables | undefined,
): Promise<Stats> {
  const due = `t.vt <= (select clock_timestamp())`;
  const hidden = `t.vt > (select clock_timestamp())`;
  const text = `
    select ${bounded(tables.queue, due)} as queued,
      ${bounded(tables.queue, `${hidden} and not (${processing})`)} as delayed,
      ${bounded(tables.queue, processing)} as processing,
      ${letters ? boundedLetters(tables, letters) : 0} as dead,
      ${bounded(tables.archive, "true")} as archived,
      (select extract(epoch from clock_timestamp() - min(vt))::float8 from ${tables.queue} t
        where ${due}) as age`;
  const doing = `Cannot read the statistics of "${tables.name}"`;
  const [row] = await query<Record<string, string | null>>(sql, text, [], doing);
  const { queued, delayed, processing: running, dead, archived, age } = row!;
  return {
    queued: Number(queued),
    delayed: Number(delayed),
    processing: Number(running),
    dead: Number(dead),
    archived: Number(archived),
    oldestAgeSeconds: age === null || age === undefined ? null : Number(age),
  };
}

interface ListedRow {
  readonly id: string;
  readonly deliveries: number;
  readonly enqueued: Date | string;
  readonly visible: Date | string;
  readonly state: TaskState;
  readonly message: string | null;
  readonly errors: string | null;
  readonly headers: string | null;
}

/** Which rows are in a state, and in which table. */
function rowsIn(state: TaskState | undefined, tables: Tables, letters: Tables | undefined): string {
  const { queue, archive } = tables;
  switch (state) {
    case "queued":
      return `${queue} t where t.vt <= (select clock_timestamp())`;
    case "delayed":
      return `${queue} t where t.vt > (select clock_timestamp()) and not (${processing})`;
    case "processing":
      return `${queue} t where ${processing}`;
    case "archived":
      return `${archive} t where true`;
    case "dead":
      return letters ? `${letters.queue} t where ${lettersOf(tables)}` : `${queue} t where false`;
    case undefined:
      return `${queue} t where true`;
  }
}

/** Lists tasks in one state by id, those above `after`; without a state all that are not finished. */
export async function list(
  sql: Queryable,
  { tables, letters }: { tables: Tables; letters: Tables | undefined },
  { state, limit, after }: { state: TaskState | undefined; limit: number; after: number },
): Promise<ListedTask[]> {
  const dead = state === "dead";
  const text = `
    select t.msg_id as id, t.read_ct as deliveries, t.enqueued_at as enqueued, t.vt as visible,
      (${dead ? "t.message -> 'message'" : "t.message"})::text as message, t.headers::text,
      (${dead ? "t.message -> 'errors'" : `t.headers -> '${header.errors}'`})::text as errors,
      ${dead || state === "archived" ? `'${state}'` : stateOf} as state
    from ${rowsIn(state, tables, letters)} and t.msg_id > $1::bigint
    order by t.msg_id limit $2::int`;
  const doing = `Cannot list the tasks of "${tables.name}"`;
  return (await query<ListedRow>(sql, text, [after, limit], doing)).map(toListed);
}

const stateOf = `case when t.vt <= (select clock_timestamp()) then 'queued'
    when ${processing} then 'processing' else 'delayed' end`;

function toListed(row: ListedRow): ListedTask {
  const headers = headersOf(fromJson(row.headers));
  return {
    id: taskId(row.id),
    state: row.state,
    task: fromJson(row.message),
    group: groupOf(headers),
    errors: errorsOf({ [header.errors]: fromJson(row.errors) }),
    deliveries: row.deliveries,
    enqueuedAt: new Date(row.enqueued),
    visibleAt: new Date(row.visible),
    headers,
  };
}

/** The names of all queues in the database. */
export async function queueNames(sql: Sql): Promise<string[]> {
  const text = `select queue_name as name from pgmq.meta order by queue_name`;
  const rows = await query<{ name: string }>(sql, text, [], "Cannot list the queues");
  return rows.map(({ name }) => name);
}
