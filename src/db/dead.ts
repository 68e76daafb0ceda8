/**
 * Dead letters: failing a task, and looking at what failed.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { fromJson } from "../core/input.ts";
import { errorsOf, header, headersOf, type Receipt, taskId } from "../core/task.ts";
import { type Aftermath, ids } from "./settle.ts";
import { query, type Queryable } from "./connection.ts";
import {
  errors,
  headers,
  headersOfTask,
  held,
  lettersOf,
  moved,
  notify,
  passing,
  root,
} from "./fragments.ts";
import { key } from "./indexes.ts";
import type { Site } from "./site.ts";
import type { Tables } from "./tables.ts";

/** A task whose last attempt has failed. */
export interface Failed extends Receipt {
  readonly error: string;
}

/** Where failed tasks of a queue go. */
export interface Graveyard {
  /** The dead letter queue, if there is one. */
  readonly letters: Tables | undefined;
  /** Whether the failed task itself is kept in its queue's archive. */
  readonly archive: boolean;
}

/** A task that failed for good, as it waits in the dead letter queue. */
export interface DeadLetter {
  /** The id of the dead letter, for `redrive`. */
  readonly id: number;
  /** The id of the task that failed. */
  readonly taskId: number;
  /** The task's body. */
  readonly task: unknown;
  /** One text per failed attempt, oldest first. */
  readonly errors: readonly string[];
  /** The headers that a redriven task is going to have. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** When the task failed for good. */
  readonly diedAt: Date;
}

/**
 * Fails tasks for good: out of the queue, into the dead letters and the archive, in one statement,
 * so that no crash leaves one without the other. Returns the ids that were still held.
 */
export async function bury(
  site: Site,
  tasks: readonly Failed[],
  { letters, archive }: Graveyard,
  { wake }: Aftermath = { wake: false },
): Promise<Set<number>> {
  const { sql, tables } = site;
  const text = `
    with gone as (
      delete from ${tables.queue} t
      using json_to_recordset((select $1::text::json)) as r (id bigint, deliveries int, error text)
      where ${held}
      returning t.*, ${errors} || to_jsonb(r.error) as errors
    )
    ${letters ? deadLetters(tables, letters) : ""}
    ${archive ? failedTasks(site, letters !== undefined) : ""}
    select msg_id as id${wake ? `, ${notify(tables)}` : ""} from gone`;
  const doing = `Cannot fail tasks of "${tables.name}"`;
  return ids(await query(sql, text, [JSON.stringify(tasks)], doing));
}

/**
 * The letter's headers are those that a redriven task will need: group, custom ones, the root. The
 * key is put by: in a dead letter queue that is a queue like others, letters of one key would clash.
 */
function deadLetters(tables: Tables, letters: Tables): string {
  const name = `'${tables.name}'::text`;
  return `, dead as (
      insert into ${letters.queue} (vt, message, headers)
      select clock_timestamp(),
        jsonb_build_object('msg_id', msg_id, 'queue_name', ${name}, 'message', message,
          'errors', errors),
        nullif(${headers} - ${passing} - '${header.root}' - '${header.key}' ||
          jsonb_strip_nulls(jsonb_build_object(
            '${header.root}', ${root()}, '${header.keptKey}', ${key("t")})), '{}')
      from gone t order by msg_id
      returning msg_id, (message ->> 'msg_id')::bigint as task_id
    )`;
}

function failedTasks({ tables, lastReadAt }: Site, linked: boolean): string {
  const link = linked ? `, '${header.deadLetter}', dead.msg_id::text` : "";
  return `, kept as (
      insert into ${tables.archive} (${moved(lastReadAt)}, headers)
      select ${moved(lastReadAt, "t.")}, ${headers} - '${header.rules}' || jsonb_build_object(
        '${header.status}', 'failed', '${header.errors}', t.errors${link})
      from gone t ${linked ? "join dead on dead.task_id = t.msg_id" : ""}
      on conflict do nothing
    )`;
}

interface LetterRow {
  readonly id: string;
  readonly task: string | null;
  readonly body: string | null;
  readonly errors: string | null;
  readonly headers: string | null;
  readonly died: Date | string;
}

/** Lists the dead letters of a queue from the oldest on, those with an id above `after`. */
export async function listDead(
  sql: Queryable,
  tables: Tables,
  letters: Tables,
  { limit, after }: { limit: number; after: number },
): Promise<DeadLetter[]> {
  const text = `
    select msg_id as id, message ->> 'msg_id' as task, (message -> 'message')::text as body,
      (message -> 'errors')::text as errors, (${headersOfTask})::text as headers,
      enqueued_at as died
    from ${letters.queue} t
    where msg_id > $1::bigint and ${lettersOf(tables)} order by msg_id limit $2::int`;
  const doing = `Cannot list the dead letters of "${tables.name}"`;
  const rows = await query<LetterRow>(sql, text, [after, limit], doing);
  return rows.map(({ id, task, body, errors, headers, died }) => ({
    id: taskId(id),
    taskId: taskId(task),
    task: fromJson(body),
    errors: errorsOf({ [header.errors]: fromJson(errors) }),
    headers: headersOf(fromJson(headers)),
    diedAt: new Date(died),
  }));
}

/** Whether a dead letter queue is there and holds nothing of other queues, which may share it. */
export async function belongsTo(
  sql: Queryable,
  tables: Tables,
  letters: Tables,
): Promise<boolean> {
  const doing = `Cannot read "${letters.name}"`;
  const text = `select exists (
      select from ${letters.queue} t where (${lettersOf(tables)}) is not true
    ) as shared`;
  try {
    const [row] = await query<{ shared: boolean }>(sql, text, [], doing);
    return !row!.shared;
  } catch (error) {
    if (error instanceof PgtqError && error.code === "MISSING_QUEUE") return false;
    throw error;
  }
}
