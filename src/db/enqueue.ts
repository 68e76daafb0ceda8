/**
 * Putting tasks into a queue.
 *
 * @module
 */

import { taskId } from "../core/task.ts";
import { query, type Queryable } from "./connection.ts";
import { notify } from "./fragments.ts";
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
}

const due = `greatest(clock_timestamp(), $2::text::timestamptz)
    + $1::float8 * interval '1 millisecond'`;

/**
 * A producer notifies only when its task becomes the first in due order. Otherwise workers either
 * have that earlier task still to claim, or have set their timers by it: they look again by
 * themselves, and the notification's lock at commit is not worth taking.
 */
function notifyIfFirst(tables: Tables, inserted: string): string {
  // By the smallest `vt`, which the index knows: asking whether there is any earlier one reads all.
  return `case when (select min(vt) from ${tables.queue}) <= (select min(vt) from ${inserted})
    then null else ${notify(tables)} end`;
}

/** Inserts tasks and returns their ids in the order given. */
export async function enqueue(
  sql: Queryable,
  tables: Tables,
  tasks: readonly NewTask[],
  { delayMs, at, commitsLater = false }: Due,
): Promise<number[]> {
  const text = `
    with new as (
      insert into ${tables.queue} (vt, message, headers)
      select ${due}, task -> 'message', nullif(task -> 'headers', 'null')
      from jsonb_array_elements($3::text::jsonb) with ordinality as t (task, place)
      order by place
      returning msg_id, vt
    )
    select array_to_string(array_agg(msg_id order by msg_id), ',') as ids,
      ${commitsLater ? notify(tables) : notifyIfFirst(tables, "new")} as woken
    from new`;
  const batch = `[${
    tasks.map((t) => `{"message":${t.message},"headers":${t.headers}}`).join(",")
  }]`;
  const doing = `Cannot enqueue to "${tables.name}"`;
  const [row] = await query<{ ids: string }>(sql, text, [delayMs, at, batch], doing);
  return row!.ids.split(",").map(taskId);
}
