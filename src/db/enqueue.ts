/**
 * Putting tasks into a queue.
 *
 * @module
 */

import { header, taskId } from "../core/task.ts";
import { query, type Queryable } from "./connection.ts";
import { notify, releases } from "./fragments.ts";
import { key, keyConflict, keysInTurn, orderedGroup, running } from "./indexes.ts";
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
  /** The queue has groups; whether there is the index that knows the tasks of each. */
  readonly groups?: "indexed" | "unknown" | undefined;
}

/** What to do about tasks in the queue that have the keys of new ones. */
export interface Keyed extends Due {
  /** Their bodies become those of the new ones, if they have not started. */
  readonly replace: boolean;
  /** There is more than one key, in this statement or in the transaction it is part of. */
  readonly severalKeys: boolean;
}

const dueTime = `greatest(clock_timestamp(), $2::text::timestamptz)
    + $1::float8 * interval '1 millisecond'`;

/** What the queue has of a new task. */
function inserted(groups: Due["groups"]): string {
  return groups === "indexed" ? `msg_id, vt, ${orderedGroup("t")} as place` : "msg_id, vt";
}

/**
 * A producer notifies only when one of its tasks becomes the first in due order. Otherwise workers
 * either have that earlier task still to claim, or have set their timers by it: they look again by
 * themselves, and the notification's lock at commit is not worth taking.
 *
 * That earlier task may be one that waits for others of its group, though. So a task is news, too,
 * if the last one of its group is not due before it; if that one runs, whoever settles it looks
 * again. The last one, as the entries of those that are done lie at the other end of the index.
 */
function notifyIfNews(tables: Tables, { commitsLater = false, groups }: Due): string {
  if (commitsLater || groups === "unknown") return notify(tables);
  // By the smallest `vt`, which the index knows: asking whether there is any earlier one reads all.
  const later = `(select min(vt) from ${tables.queue}) <= (select min(vt) from new)`;
  const place = orderedGroup("t");
  const known = groups === undefined ? "" : `and not exists (
      select from new where (
        select t.vt <= new.vt or ${running("t")} from ${tables.queue} t
        where ${place} = new.place order by ${place} desc, t.msg_id desc limit 1
      ) is not true
    )`;
  return `case when ${later} ${known} then null else ${notify(tables)} end`;
}

/** Inserts tasks and returns their ids in the order given. */
export async function enqueue(
  sql: Queryable,
  tables: Tables,
  tasks: readonly NewTask[],
  due: Due,
): Promise<number[]> {
  const text = `
    with new as (
      insert into ${tables.queue} as t (vt, message, headers)
      select ${dueTime}, message, nullif(headers, 'null')
      from rows from (jsonb_array_elements($3::text::jsonb), jsonb_array_elements($4::text::jsonb))
        with ordinality as sent (message, headers, place)
      order by place
      returning ${inserted(due.groups)}
    )
    select array_to_string(array_agg(msg_id order by msg_id), ',') as ids,
      ${notifyIfNews(tables, due)} as woken
    from new`;
  const doing = `Cannot enqueue to "${tables.name}"`;
  const [messages, headers] = [tasks.map((t) => t.message), tasks.map((t) => t.headers ?? "null")];
  const parameters = [due.delayMs, due.at, `[${messages.join(",")}]`, `[${headers.join(",")}]`];
  const [row] = await query<{ ids: string }>(sql, text, parameters, doing);
  return row!.ids.split(",").map(taskId);
}

/**
 * Inserts tasks of which some have a key, no two the same one, and returns their ids in the order
 * given: for a key that is in the queue, the id of the task that has it.
 *
 * What `found` brings needs no write. For the rest, `do update` is the one way to an exact answer in
 * one statement: it waits for whoever is writing the same key, sees rows younger than the
 * statement's snapshot, and inserts after all if the row is gone by then. `do nothing` would have no
 * id for a row that it can't see. The row it locks is passed over by claims until we commit, which
 * is why workers are told, and why it is not the way for every key: many producers of one key would
 * hold its task for ever.
 * For the same reason workers are told at the end of a transaction that has locked one.
 */
export async function enqueueKeyed(
  sql: Queryable,
  tables: Tables,
  tasks: readonly NewTask[],
  due: Keyed,
): Promise<number[]> {
  const { commitsLater = false, replace, severalKeys } = due;
  const text = `
    with sent as (
      select place, task, task -> 'headers' ->> '${header.key}' as key
      from jsonb_array_elements($3::text::jsonb) with ordinality as t (task, place)
    ), given as (
      select *, row_number() over (partition by key order by place) as nth,
        (${answer(tables, { commitsLater, replace })}) as found
      from sent
    ), turn as (${severalKeys ? keysInTurn(tables) : "select"}), new as (
      insert into ${tables.queue} as t (vt, message, headers)
      select ${dueTime}, task -> 'message', nullif(task -> 'headers', 'null')
      from turn, given where found is null
      order by place
      on conflict ${keyConflict} do update set ${replace ? replaced : locked}
      returning ${inserted(due.groups)}, ${key("t")} as key, t.xmax::text <> '0' as touched
    ), placed as (
      select msg_id, key, row_number() over (partition by key order by msg_id) as nth from new
    )
    select array_to_string(array_agg(coalesce(found, msg_id) order by place), ',') as ids,
      case when exists (select from new where touched) then ${notify(tables)}
        when exists (select from new) then ${notifyIfNews(tables, due)} end as woken
    from given left join placed
      on placed.nth = given.nth and coalesce(placed.key, '') = coalesce(given.key, '')`;
  const doing = `Cannot enqueue to "${tables.name}" with a key`;
  const batch = tasks.map(({ message, headers }) => `{"message":${message},"headers":${headers}}`);
  const parameters = [due.delayMs, due.at, `[${batch.join(",")}]`];
  const [row] = await query<{ ids: string }>(sql, text, parameters, doing);
  return row!.ids.split(",").map(taskId);
}

/** A task has started once a delivery was not given back without an attempt. */
const started = `t.read_ct <> ${releases}`;
const replaced = `message = case when ${started} then t.message else excluded.message end`;

/** Changes nothing, in a column that producers may write without seeing bodies or moving tasks. */
const locked = "enqueued_at = t.enqueued_at";

/**
 * Finds the task whose id is the answer for a key, whatever else happens by now.
 *
 * In a transaction that goes on that is one that has started: another one is locked instead, so that
 * it can't run before the caller's writes are there. If the snapshot is older than the statement,
 * the task may be long gone, and nothing in it is an answer.
 */
function answer(
  tables: Tables,
  { commitsLater, replace }: { commitsLater: boolean; replace: boolean },
): string {
  const conditions = [`${key("t")} = sent.key`];
  if (commitsLater || replace) conditions.push(started);
  if (commitsLater) conditions.push("current_setting('transaction_isolation') = 'read committed'");
  return `select msg_id from ${tables.queue} t where ${conditions.join(" and ")}`;
}
