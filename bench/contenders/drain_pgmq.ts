/**
 * What statements alone can do: `pgmq.read`, then `pgmq.archive` or `pgmq.delete`, in two flows over
 * a plain pgmq queue. No handlers, leases, retries or results; nobody has to be woken.
 *
 * @module
 */

import postgres, { type Sql } from "postgres";
import { contend, databaseUrl } from "../_support/contender.ts";
import { sumOfFlows } from "../_support/flows.ts";
import { fillRaw, rawQueue } from "../_support/raw.ts";

const flows = 2;
let sql: Sql;

/** Reads and settles batches until there are none left; returns how many messages there were. */
async function flow(batch: number, archive: boolean): Promise<number> {
  for (let count = 0;;) {
    const messages = await sql`select * from pgmq.read(${rawQueue}, 30, ${batch}::int)`;
    if (messages.length === 0) return count;
    const ids = `{${messages.map(({ msg_id }) => msg_id).join(",")}}`;
    if (archive) await sql`select pgmq.archive(${rawQueue}, ${ids}::text::bigint[])`;
    else await sql`select pgmq.delete(${rawQueue}, ${ids}::text::bigint[])`;
    count += messages.length;
  }
}

await contend({
  async prepare({ tasks }) {
    sql = postgres(databaseUrl(), { max: flows, onnotice: () => {} });
    await fillRaw(sql, tasks);
  },
  async run({ tasks, batch = 1000, archive }) {
    const count = await sumOfFlows(flows, () => flow(Number(batch), archive === true));
    if (count !== tasks) throw new Error(`${count} of ${tasks} messages were read`);
  },
  finish: () => sql.end(),
});
