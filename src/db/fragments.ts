/**
 * Pieces of SQL that several statements share. `t` is the row of the task.
 *
 * @module
 */

import { header, idPattern, passingHeaders } from "../core/task.ts";
import type { Tables } from "./tables.ts";

/** The headers as an object, whatever a producer has put there. */
export const headers = `case when jsonb_typeof(t.headers) = 'object' then t.headers else '{}' end`;

/** The errors so far as an array. */
export const errors = `case when jsonb_typeof(t.headers -> '${header.errors}') = 'array'
    then t.headers -> '${header.errors}' else '[]' end`;

/** The headers that tell of one task's life, as an array. */
export const passing = `'{${passingHeaders.join(",")}}'::text[]`;

/** The first task of a chain of redrives, read as `stableId` does; null where none is named. */
export function root(headers = "t.headers"): string {
  const id = (name: string) => `substring(${headers} ->> '${name}' from '${idPattern}')`;
  return `coalesce(${id(header.root)}, ${id(header.original)})`;
}

/** The headers of a dead letter as the redriven task has them: with its key. */
export const headersOfTask = `case when t.headers -> '${header.keptKey}' is null then ${headers}
    else t.headers - '${header.keptKey}' ||
      jsonb_build_object('${header.key}', t.headers -> '${header.keptKey}') end`;

/** How often the task was given back without a failed attempt. */
export const releases = number(header.releases);

/** How often a claim of ours has ended without a result, as far as that was noted. */
export const crashes = number(header.crashes);

function number(name: string): string {
  return `(case when t.headers ->> '${name}' ~ '^\\d{1,9}$'
    then (t.headers ->> '${name}')::int else 0 end)`;
}

/**
 * The fence: the delivery `r` is the task's latest, and has not put it back yet. The second half
 * makes a retry, snooze or release that is sent again after a lost answer change nothing.
 */
export const held = `t.msg_id = r.id and t.read_ct = r.deliveries
    and (t.headers ->> '${header.settled}') is distinct from t.read_ct::text`;

/** How many deliveries have ended with a word: an error, a snooze, a release. */
export const accounted = `(jsonb_array_length(${errors}) + ${releases})`;

/** Is in the hands of a worker, or was when the worker crashed: hidden by an unsettled delivery. */
export const processing = `t.vt > (select clock_timestamp()) and t.read_ct > 0
    and (t.headers ->> '${header.settled}') is distinct from t.read_ct::text
    and ((t.headers ->> '${header.status}') is distinct from 'queued'
      or t.read_ct > ${accounted})`;

/** The dead letters of one queue: others may share the table, and its name has many spellings. */
export function lettersOf({ name }: Tables): string {
  return `lower(t.message ->> 'queue_name') = lower('${name}'::text)`;
}

/** The columns that a row keeps when it moves to the archive, each with this prefix. */
export function moved(lastReadAt: boolean, prefix = ""): string {
  const columns = ["msg_id", "read_ct", "enqueued_at", "vt", "message"];
  if (lastReadAt) columns.push("last_read_at");
  return columns.map((column) => prefix + column).join(", ");
}

/** Receipts sent as two array literals: `r (id, deliveries)` from the parameters `$1` and `$2`. */
export const sentReceipts = `unnest((select $1::text::bigint[]), (select $2::text::int[]))
    as r (id, deliveries)`;

/** Wakes the workers that listen. */
export function notify({ channel }: Tables): string {
  return `pg_notify('${channel}', '')`;
}
