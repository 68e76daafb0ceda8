/**
 * Messages in groups.
 *
 * @module
 */

import type { Message, Pgmq } from "../_support/conformance.ts";

/** Sends one message to each group in turn; null sends it to none. */
export async function sendTo({ run }: Pgmq, ...groups: (string | null)[]) {
  const headers = groups.map((group) => {
    return group === null ? "null" : `'${JSON.stringify({ "x-pgmq-group": group })}'`;
  });
  const messages = groups.map((_, at) => `'${at + 1}'`);
  await run(`pgmq.send_batch('q', array[${messages}]::jsonb[], array[${headers}]::jsonb[])`);
}

/** The group of a message that was sent so. */
export function groupOf({ headers }: Message): string | null {
  return (headers as Record<string, string> | null)?.["x-pgmq-group"] ?? null;
}
