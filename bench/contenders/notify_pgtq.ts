/**
 * 16 producers of single tasks, with our own statement or with the same one less its notification,
 * while a worker in another process is at work on the queue.
 *
 * @module
 */

import { createQueue, setup } from "../../mod.ts";
import { connect, query, type Queryable, type Sql } from "../../src/db/connection.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { start } from "../_support/child.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { inFlows } from "../_support/flows.ts";

interface Statement {
  readonly text: string;
  readonly parameters: readonly (string | number | null)[];
}

const flows = 16;
const queue = createQueue("bench_notify");
const worker = await start(new URL("busy_worker.ts", import.meta.url), databaseUrl());
let sql: Sql;

/** What `enqueue` sends for one task. */
async function ownStatement(): Promise<Statement> {
  const sent = Promise.withResolvers<Statement>();
  const unsafe = (text: string, parameters: Statement["parameters"]) => {
    sent.resolve({ text, parameters });
    return [{ ids: "1" }];
  };
  const task = { message: '{"n":1}', headers: null };
  const due = { delayMs: 0, at: null };
  await enqueue({ unsafe } as unknown as Queryable, queue.definition.tables, [task], due);
  return await sent.promise;
}

/** The same without the column that notifies. */
function silent({ text, parameters }: Statement): Statement {
  const cut = text.replace(/,\s*case when[^]* as woken/, "");
  if (cut === text) throw new Error("The notification is not where it was in the statement");
  return { text: cut, parameters };
}

await contend({
  async prepare(settings) {
    sql = connect(databaseUrl());
    setup({ sql });
    await queue.drop();
    await queue.create();
    await queue.enqueueMany(Array.from({ length: Number(settings.backlog) }, (_, n) => ({ n })));
    await worker.ask("prepare", settings);
  },
  async run({ tasks, notify }) {
    const own = await ownStatement();
    const { text, parameters } = notify ? own : silent(own);
    await inFlows(tasks, flows, () => query(sql, text, parameters, "Cannot enqueue"));
  },
  async finish() {
    await worker.ask("finish", { tasks: 0 });
    await sql.end();
  },
});
