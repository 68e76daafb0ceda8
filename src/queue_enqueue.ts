/**
 * Putting tasks into a queue, as many as there are.
 *
 * @module
 */

import { connection, type Queryable, type Sql } from "./db/connection.ts";
import { type Due, enqueue, enqueueKeyed, type NewTask } from "./db/enqueue.ts";
import { siteOf } from "./db/site.ts";
import type { Tables } from "./db/tables.ts";

/** How many tasks one statement inserts. */
const chunkSize = 1000;

/** How many statements travel while the server still works on the first of them. */
const sentAhead = 10;

/** A task on its way in, and what is said of it among the headers, too. */
export interface Incoming extends NewTask {
  readonly key: string | undefined;
  /** It has a group. */
  readonly grouped: boolean;
}

/** How to put tasks in. */
export interface Putting {
  readonly sql: Queryable | undefined;
  /** Milliseconds. */
  readonly delay: number;
  readonly at: Date | undefined;
  readonly replace: "payload" | undefined;
}

/** Puts tasks in, all or none, and returns their ids in the same order. */
export async function putIn(
  tables: Tables,
  tasks: readonly Incoming[],
  { sql, delay, at, replace }: Putting,
): Promise<number[]> {
  const groups = await groupsOf(tables, sql, tasks.some(({ grouped }) => grouped));
  const due = { delayMs: delay, at: at?.toISOString() ?? null, groups };
  const keys = new Set(tasks.map(({ key }) => key).filter((key) => key !== undefined));
  if (keys.size === 0) {
    return await inChunks(tasks, sql, (sql, chunk, commitsLater) => {
      return enqueue(sql, tables, chunk, { ...due, commitsLater });
    });
  }
  const how = { ...due, replace: replace !== undefined, severalKeys: keys.size > 1 };
  const distinct = onePerKey(tasks, how.replace);
  const ids = await inChunks([...distinct.values()], sql, (sql, chunk, commitsLater) => {
    return enqueueKeyed(sql, tables, chunk, { ...how, commitsLater });
  });
  const places = new Map([...distinct.keys()].map((slot, place) => [slot, place]));
  return tasks.map((task) => ids[places.get(task.key ?? task)!]!);
}

/** The queues of a pool that tasks with groups were put in: whether they have the index. Asked once. */
const indexed = new WeakMap<Queryable, Map<string, boolean>>();

/** Tasks without a group are a group as well, in a queue that has groups. */
async function groupsOf(
  tables: Tables,
  sql: Queryable | undefined,
  grouped: boolean,
): Promise<Due["groups"]> {
  // A transaction of the caller's notifies in any case.
  if (sql && !("begin" in sql)) return undefined;
  const pool = sql ?? connection();
  const queues = indexed.get(pool) ?? new Map<string, boolean>();
  indexed.set(pool, queues);
  if (grouped && !queues.has(tables.queue)) {
    const { indexes } = await siteOf(pool, tables, `Cannot enqueue to "${tables.name}"`);
    queues.set(tables.queue, indexes.has("group"));
  }
  const known = queues.get(tables.queue);
  return known === undefined ? undefined : known ? "indexed" : "unknown";
}

type Insert = (
  sql: Queryable,
  chunk: readonly NewTask[],
  commitsLater: boolean,
) => Promise<number[]>;

async function inChunks(
  tasks: readonly NewTask[],
  sql: Queryable | undefined,
  insert: Insert,
): Promise<number[]> {
  const chunks = Array.from(
    { length: Math.ceil(tasks.length / chunkSize) },
    (_, i) => tasks.slice(i * chunkSize, (i + 1) * chunkSize),
  );
  const insertAll = async (sql: Queryable) => {
    const ids: number[][] = [];
    while (ids.length < chunks.length) {
      const next = chunks.slice(ids.length, ids.length + sentAhead);
      ids.push(...await Promise.all(next.map((chunk) => insert(sql, chunk, !("begin" in sql)))));
    }
    return ids.flat();
  };
  const target = sql ?? connection();
  // A transaction of the caller's is all or none by itself; a pool has to begin one.
  if (chunks.length < 2 || !("begin" in target)) return await insertAll(target);
  return await (target as Sql).begin(insertAll) as number[];
}

/** By its key, or by itself: the first task of each key, with the body of the last one if wanted. */
function onePerKey(tasks: readonly Incoming[], replace: boolean): Map<unknown, Incoming> {
  const distinct = new Map<unknown, Incoming>();
  for (const task of tasks) {
    const slot = task.key ?? task;
    const first = distinct.get(slot);
    if (!first) distinct.set(slot, task);
    else if (replace) distinct.set(slot, { ...first, message: task.message });
  }
  return distinct;
}
