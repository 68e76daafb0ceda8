/**
 * The indexes that a queue's table gets besides pgmq's own.
 *
 * `create` makes them, but no `key` for a partitioned queue. A queue that something else has created
 * can do without: statements are as right, but read the whole queue, and only keys are refused.
 *
 * @module
 */

import { header } from "../core/task.ts";
import type { Tables } from "./tables.ts";

/** What each index is for: finding groups, counting what is in flight, and finding a key. */
export const indexes = ["group", "running", "key"] as const;

/** The name of an index of ours. */
export type IndexName = typeof indexes[number];

/** A btree entry holds up to 2,704 bytes: groups that agree in this many characters are one. */
export const maxGroupLength = 500;

/** A key has to fit into a btree entry, too, in whatever alphabet. */
export const maxKeyLength = 500;

/** The group of a row as pgmq has it; `running` is looked up by it. */
export function group(row: string): string {
  const name = `coalesce(${row}.headers ->> '${header.group}', '_default_fifo_group')`;
  return `left(${name}, ${maxGroupLength})`;
}

/**
 * The group of a row in byte order, by which groups are visited. It differs from {@linkcode group}
 * on purpose: a look-up by the one can't be planned on the index of the other.
 */
export function orderedGroup(row: string): string {
  return `(${group(row)} collate "C")`;
}

/** Is in flight: claimed where order or number matter. No lease that runs out ends it by itself. */
export function running(row: string): string {
  return `${row}.headers ->> '${header.status}' = 'processing'`;
}

/** The key of a row. */
export function key(row: string): string {
  return `(${row}.headers ->> '${header.key}')`;
}

/** What an `insert into … as t` names to run into the index on keys, rather than into any other. */
export const keyConflict = `(${key("t")}) where ${key("t")} is not null`;

/**
 * Has the statements that write several keys take turns, one queue at a time: two that write the
 * same keys in another order would wait for each other. Whoever writes one key needs no turn.
 */
export function keysInTurn({ queue }: Tables): string {
  return `select pg_advisory_xact_lock(hashtextextended('keys of ${queue}', 0))`;
}

/** The name of an index with its schema, quoted. */
export function indexName({ queue }: Tables, name: IndexName): string {
  return queue.replace(/"$/, `_pgtq_${name}"`);
}

/** Creates those indexes of a queue that are missing. */
export function createIndexes(tables: Tables): string {
  const table = tables.queue.replace("pgmq.", "");
  const on: Readonly<Record<IndexName, string>> = {
    group: `(${orderedGroup(table)}, msg_id)`,
    running: `((${group(table)})) where ${running(table)}`,
    key: `(${key(table)}) where ${key(table)} is not null`,
  };
  // Over partitions nothing can be unique but what they are made by.
  const whole =
    `exists (select from pg_class where oid = '${tables.queue}'::regclass and relkind = 'r')`;
  const statements = indexes.map((name) => {
    const index = indexName(tables, name);
    const [kind, condition] = name === "key" ? ["unique index", `and ${whole}`] : ["index", ""];
    // Asked first: "if not exists" wants the owner's rights even where there is nothing to do.
    return `if to_regclass('${index}') is null ${condition} then
      create ${kind} ${index.replace("pgmq.", "")} on ${tables.queue} ${on[name]};
    end if;`;
  });
  return `do $$ begin ${statements.join(" ")} end $$`;
}
