/**
 * The limit: the server reads and archives by itself, in a PL/pgSQL loop in each of two sessions, with
 * a commit after each read and each archive. Nothing is sent to a client or parsed there.
 *
 * @module
 */

import postgres, { type Sql } from "postgres";
import { contend, databaseUrl } from "../_support/contender.ts";
import { fillRaw, rawQueue } from "../_support/raw.ts";

const flows = 2;
let sql: Sql;

const loop = (batch: number) => `
  do $$
  declare
    ids bigint[];
  begin
    loop
      select array_agg(msg_id) into ids from pgmq.read('${rawQueue}', 30, ${batch});
      exit when ids is null;
      commit;
      perform pgmq.archive('${rawQueue}', ids);
      commit;
    end loop;
  end $$`;

await contend({
  async prepare({ tasks }) {
    sql = postgres(databaseUrl(), { max: flows, onnotice: () => {} });
    await fillRaw(sql, tasks);
  },
  async run({ batch }) {
    await Promise.all(Array.from({ length: flows }, () => sql.unsafe(loop(Number(batch)))));
    const [left] = await sql.unsafe(`select exists (select from pgmq.q_${rawQueue}) as any`);
    if (left!.any) throw new Error("The loop ended before the queue was empty");
  },
  finish: () => sql.end(),
});
