/**
 * A plain pgmq queue, without anything of ours.
 *
 * @module
 */

import type { Sql } from "postgres";
import { inChunks } from "./fill.ts";

/** The name of the queue. */
export const rawQueue = "bench_raw";

/** Makes the queue anew with so many messages. */
export async function fillRaw(sql: Sql, messages: number): Promise<void> {
  await sql`select pgmq.drop_queue(${rawQueue})`;
  await sql`select pgmq.create(${rawQueue})`;
  await inChunks(messages, (numbers) =>
    sql`select count(*) from pgmq.send_batch(${rawQueue}, array(
      select jsonb_build_object('n', n) from unnest(${`{${numbers}}`}::text::int[]) n
    ))`);
}
