/**
 * The two statements that a worker spends its time with, claim and complete, in two flows: the one
 * place in the benches that knows them.
 *
 * @module
 */

import { createQueue, setup } from "../../mod.ts";
import { claim } from "../../src/db/claim.ts";
import { connect, type Sql } from "../../src/db/connection.ts";
import { complete } from "../../src/db/settle.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";
import { sumOfFlows } from "../_support/flows.ts";

const flows = 2;
let sql: Sql;
let site: Site;

/** Claims and completes batches until there are none left; returns how many tasks there were. */
async function flow(batch: number): Promise<number> {
  for (let count = 0;;) {
    const { deliveries } = await claim(site, { limit: batch, leaseMs: 30_000 });
    if (deliveries.length === 0) return count;
    await complete(site, deliveries, true);
    count += deliveries.length;
  }
}

await contend({
  async prepare({ tasks }) {
    sql = connect(databaseUrl());
    setup({ sql });
    const queue = createQueue("bench_statements");
    await queue.drop();
    await queue.create();
    await inChunks(tasks, (numbers) => queue.enqueueMany(numbers.map((n) => ({ n }))));
    site = await siteOf(sql, queue.definition.tables, "Cannot measure");
  },
  async run({ tasks, batch }) {
    const count = await sumOfFlows(flows, () => flow(Number(batch)));
    if (count !== tasks) throw new Error(`${count} of ${tasks} tasks were claimed`);
  },
  finish: () => sql.end(),
});
