/**
 * A call of every function that takes the name of a queue, and what it makes of one that is unknown.
 *
 * @module
 */

import { isOlder } from "../../src/db/pgmq.ts";
import type { Version } from "../_support/conformance.ts";

/** A call with `:q` where the name goes. */
export interface Call {
  readonly since: Version;
  readonly text: string;
}

const [two, none] = ["array['1', '2']::jsonb[]", "array[null, null]::jsonb[]"];

/** What needs the queue: 42P01 where there is none. In this order they find what they need. */
export const onQueues: readonly Call[] = [
  ...calls(
    "1.5",
    "send(:q, '1')",
    "send(:q, '1', '{}'::jsonb)",
    "send(:q, '1', 0)",
    "send(:q, '1', now())",
    "send(:q, '1', '{}', 0)",
    "send(:q, '1', '{}', now())",
    `send_batch(:q, ${two})`,
    `send_batch(:q, ${two}, ${none})`,
    `send_batch(:q, ${two}, 0)`,
    `send_batch(:q, ${two}, now())`,
    `send_batch(:q, ${two}, ${none}, 0)`,
    `send_batch(:q, ${two}, ${none}, now())`,
    "read(:q, 0, 1)",
    "read(:q, 0, 1, '{}')",
    "read_with_poll(:q, 0, 1, 1, 10)",
    "set_vt(:q, 1, 0)",
    "archive(:q, 1)",
    "archive(:q, array[2])",
    "delete(:q, 3)",
    "delete(:q, array[4])",
    "pop(:q)",
    "metrics(:q)",
  ),
  ...calls("1.7", "pop(:q, 1)"),
  ...calls("1.8", "set_vt(:q, array[1, 2], 0)"),
  ...calls(
    "1.9",
    "read_grouped(:q, 0, 1)",
    "read_grouped_rr(:q, 0, 1)",
    "read_grouped_with_poll(:q, 0, 1, 1, 10)",
    "read_grouped_rr_with_poll(:q, 0, 1, 1, 10)",
    "create_fifo_index(:q)",
  ),
  ...calls("1.10", "set_vt(:q, 1, now())", "set_vt(:q, array[1, 2], now())"),
  ...calls("1.11.1", "read_grouped_head(:q, 0, 1)"),
  ...calls("1.5", "purge_queue(:q)"),
];

/** What needs the queue to be known: P0001 where it isn't. */
export const onKnownQueues: readonly Call[] = [
  ...calls("1.8", "enable_notify_insert(:q)", "enable_notify_insert(:q, 0)"),
  ...calls("1.11", "update_notify_insert(:q, 0)", "bind_topic('a', :q)"),
];

/** What finds nothing to do where there is no queue. */
export const onAnyQueue: readonly Call[] = [
  ...calls("1.5", "detach_archive(:q)", "convert_archive_partitioned(:q)"),
  ...calls("1.6", "drop_queue(:q)"),
  ...calls("1.7", "disable_notify_insert(:q)"),
];

/** What only compares the name. */
export const onBindings: readonly Call[] = calls(
  "1.11",
  "unbind_topic('a', :q)",
  "list_topic_bindings(:q)",
);

/** What makes the queue. */
export const creators: readonly Call[] = calls(
  "1.5",
  "create(:q)",
  "create_non_partitioned(:q)",
  "create_unlogged(:q)",
);

/** The calls that this version has, with the name in place. */
export function withName(calls: readonly Call[], version: string, name: string | null): string[] {
  return calls.filter(({ since }) => !isOlder(version, since))
    .map(({ text }) => `pgmq.${inserted(text, name)}`);
}

/** The call with the name in place, as a string that means the same in any setting. */
export function inserted(text: string, name: string | null): string {
  const literal = name === null ? "null" : `E'${name.replaceAll(/[\\']/g, "\\$&")}'`;
  return text.replace(":q", () => literal);
}

function calls(since: Version, ...texts: string[]): Call[] {
  return texts.map((text) => ({ since, text }));
}
