/**
 * Giving dead letters another life.
 *
 * @module
 */

import { header, idPattern, taskId } from "../core/task.ts";
import { query, type Queryable } from "./connection.ts";
import { headers, headersOfTask, lettersOf, moved, notify, passing, root } from "./fragments.ts";
import { key, keyConflict, keysInTurn } from "./indexes.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** Which dead letters to redrive: those from `first` to `last`, at most `limit`. */
export interface Range {
  readonly first: number;
  readonly last: number;
  readonly limit: number;
}

/** Where dead letters come from and go to. */
export interface Redrive {
  /** The queue that gets the new tasks. */
  readonly queue: Site;
  readonly letters: Site;
  /** Whether the letters are archived, or else deleted. */
  readonly archive: boolean;
}

/** A dead letter that was to be redriven. */
export interface Redriven {
  readonly letter: number;
  /** The new task; `undefined` if the letter stays, as another task has its key. */
  readonly task: number | undefined;
}

/**
 * Makes dead letters tasks again, oldest first. A letter whose key a task in the queue has stays
 * where it is: it leaves only as its task is inserted. Whoever redrives the same letter at the same
 * time finds it gone: one task comes of it.
 */
export async function redrive(
  { queue, letters, archive }: Redrive,
  { first, last, limit }: Range,
): Promise<Redriven[]> {
  const { tables } = queue;
  // A queue without the index can't tell, and needs not: nothing is enqueued to it with a key.
  const unlessTaken = queue.indexes.has("key") ? `on conflict ${keyConflict} do nothing` : "";
  const text = `
    with turn as (${keysInTurn(tables)}), chosen as (
      select t.msg_id, t.message, coalesce(t.headers, (${headersOfFailed(tables)})) as headers
      from turn, ${letters.tables.queue} t
      where msg_id between $1::bigint and $2::bigint and ${lettersOf(tables)}
      order by msg_id limit $3::int for update of t
    ), new as (
      insert into ${tables.queue} as t (vt, message, headers)
      select clock_timestamp(), message -> 'message', ${headersOfTask} || jsonb_build_object(
        '${header.original}', message ->> 'msg_id',
        '${header.root}', ${rootOfLetter(tables)},
        '${header.redrivenFrom}', msg_id::text)
      from chosen t order by msg_id
      ${unlessTaken}
      returning msg_id, (t.headers ->> '${header.redrivenFrom}')::bigint as letter_id
    ), gone as (
      delete from ${letters.tables.queue} t
      where msg_id = any (array(select letter_id from new)) returning t.*
    )${archive ? archived(letters) : ""}
    select chosen.msg_id as letter, new.msg_id as task,
      case when new.msg_id is not null then ${notify(tables)} end as woken
    from chosen left join new on letter_id = chosen.msg_id order by letter`;
  const doing = `Cannot redrive to "${tables.name}"`;
  const rows = await query<{ letter: string; task: string | null }>(
    queue.sql,
    text,
    [first, last, limit],
    doing,
  );
  return rows.map(({ letter, task }) => ({
    letter: taskId(letter),
    task: task === null ? undefined : taskId(task),
  }));
}

/** The id of the failed task that a letter was written for. */
const failed = `substring(t.message ->> 'msg_id' from '${idPattern}')::bigint`;

/**
 * The letters that the Python package writes have no headers, but the failed task has gone to the
 * archive with its own, its group among them.
 */
function headersOfFailed({ archive }: Tables): string {
  return `select a.headers - ${passing} from ${archive} a
        where a.msg_id = ${failed} and a.headers ->> '${header.deadLetter}' = t.msg_id::text
          and jsonb_typeof(a.headers) = 'object'`;
}

/** The first task of a letter's chain. */
function rootOfLetter({ archive }: Tables): string {
  return `coalesce(${root()},
          (select ${root("a.headers")} from ${archive} a where a.msg_id = ${failed}),
          t.message ->> 'msg_id')`;
}

function archived({ tables, lastReadAt }: Site): string {
  return `, kept as (
      insert into ${tables.archive} (${moved(lastReadAt)}, headers)
      select ${moved(lastReadAt, "t.")}, ${headers} ||
        jsonb_build_object('${header.redrivenAs}', new.msg_id::text)
      from gone t join new on new.letter_id = t.msg_id
      on conflict do nothing
    )`;
}

/** The key of a dead letter and the task that has it by now; `undefined` if the letter is gone. */
export async function keyOfLetter(
  { queue, letters }: Redrive,
  id: number,
): Promise<{ key: string; task: number | undefined } | undefined> {
  const keptKey = `(l.headers ->> '${header.keptKey}')`;
  const text = `
    select ${keptKey} as key, t.msg_id as task
    from ${letters.tables.queue} l left join ${queue.tables.queue} t on ${key("t")} = ${keptKey}
    where l.msg_id = $1::bigint`;
  const doing = `Cannot redrive to "${queue.tables.name}"`;
  const [row] = await query<{ key: string; task: string | null }>(queue.sql, text, [id], doing);
  return row && { key: row.key, task: row.task === null ? undefined : taskId(row.task) };
}

/** The id of the newest dead letter: a bound for redriving all without chasing one's own tail. */
export async function newestLetter(sql: Queryable, letters: Tables): Promise<number> {
  const text = `select coalesce(max(msg_id), 0) as id from ${letters.queue}`;
  const [row] = await query<{ id: string }>(sql, text, [], `Cannot read "${letters.name}"`);
  return taskId(row!.id);
}
