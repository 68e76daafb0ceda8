import assert from "node:assert/strict";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { reap, type Rules, rulesInForce } from "../../src/db/flights.ts";
import { createIndexes } from "../../src/db/indexes.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import { claimStrictly, type StrictClaim } from "../../src/db/strict.ts";
import { tablesOf } from "../../src/db/tables.ts";
import { Turns } from "../../src/db/turns.ts";
import { type Cost, costsOf } from "../_support/cost.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";
import { grouped, limited } from "../_support/strict_queue.ts";

/** A page holds dozens of rows: whoever reads a queue of 100,000 touches more than ten times this. */
const few = 400;

const skip = process.env.PGTQ_COST_TESTS === "skip" && "another runtime asks the same server";

describe("the cost of a claim of 10, in pages", { skip }, () => {
  let database: TestDatabase;
  let queues = 0;

  before(async () => {
    database = await createTestDatabase();
  });
  after(() => database?.[Symbol.asyncDispose]());

  /** Makes a queue of what a select brings, `(vt, message, headers)`; the indexes come after. */
  async function filled(...selects: string[]): Promise<Site> {
    const tables = tablesOf(`queue_${++queues}`);
    await database.sql.unsafe(`select pgmq.create('${tables.name}')`);
    const [vt] = await database.sql<{ index: string }[]>`
      select indexdef as index from pg_indexes
      where schemaname = 'pgmq' and indexname = ${`q_${tables.name}_vt_idx`}`;
    const inserts = selects.map((select) =>
      `insert into ${tables.queue} (vt, message, headers) ${select};`
    );
    await database.sql.unsafe(`
      set maintenance_work_mem = '256MB'; set max_parallel_maintenance_workers = 0; set jit = off;
      alter table ${tables.queue} set unlogged;
      alter table ${tables.queue} drop constraint q_${tables.name}_pkey;
      drop index pgmq.q_${tables.name}_vt_idx;
      ${inserts.join("")}
      alter table ${tables.queue} add primary key (msg_id);
      ${vt!.index};
      ${createIndexes(tables)};
      analyze ${tables.queue}`);
    return await siteOf(database.sql, tables, "Cannot test");
  }

  const due = (count: number, groups = 0, prefix?: string) =>
    tasks(count, "now() - interval '1 hour'", groups, prefix);
  const delayed = (count: number, groups = 0) => tasks(count, "now() + interval '1 hour'", groups);
  const flying = (count: number) =>
    `select now() + interval '1 minute', '{}', '{"x-pgtq-status": "processing"}'
      from generate_series(1, ${count})`;
  const tasks = (count: number, vt: string, groups: number, prefix = "g") => {
    const header = `jsonb_build_object('x-pgmq-group', '${prefix}' || 100000 + g)`;
    return `
      select ${vt} + n * interval '1 microsecond', '{}', headers from (
        select ${groups === 0 ? "null::jsonb" : header} as headers
        from generate_series(1, ${groups || 1}) g offset 0
      ) one_per_group, generate_series(1, ${count / (groups || 1)}) n`;
  };

  /** The costs of a claim, as planned for its parameters and as planned for any. */
  async function costs(
    site: Site,
    rules: { rules: Rules },
    { place = "", found = 10 } = {},
  ): Promise<Cost[]> {
    const { custom, generic } = await costsOf(database.url, async (sql: Sql) => {
      await using turns = new Turns(sql);
      const claiming = { limit: 10, leaseMs: 60_000, ...rules, round: { place, end: place } };
      const claim: StrictClaim = await claimStrictly({ ...site, sql }, turns, claiming);
      assert.equal(claim.deliveries.length, found);
    });
    const all = [custom, generic];
    for (const { plan } of all) assert.doesNotMatch(plan, /Seq Scan q_queue/, plan);
    return all;
  }

  const within = (costs: readonly Cost[], most: number) => {
    for (const { buffers, plan } of costs) {
      assert.ok(buffers > 0 && buffers <= most, `${buffers} pages, ${most} at most:\n${plan}`);
    }
  };

  for (const groups of [10, 100_000]) {
    it(`is the same with 10,000 and with 1,000,000 tasks, in ${groups} groups`, async () => {
      const small = await costs(await filled(due(10_000, Math.min(groups, 10_000))), grouped);
      const large = await costs(await filled(due(1_000_000, groups)), grouped);
      within(small, few);
      large.forEach((cost, kind) => within([cost], 2 * small[kind]!.buffers));
    });
  }

  it("doesn't grow with delayed tasks in another group", async () => {
    const site = await filled(delayed(100_000, 1), due(1000, 100));
    within(await costs(site, grouped), few);
  });

  it("ends after 1,010 groups whose heads are delayed, and goes on behind them", async () => {
    const site = await filled(delayed(100_000, 100_000), due(1000, 100, "h"));
    for (const cost of await costs(site, grouped, { found: 0 })) {
      assert.equal(cost.rows["CTE walk"], 1011); // with the place to start from
      // Down the index from its root, to the row, and to whether its group is in flight.
      within([cost], 1011 * 12);
    }
    within(await costs(site, grouped, { place: "g199995" }), few);
  });

  it("doesn't grow with tasks that are due or delayed, where only their number is limited", async () => {
    const site = await filled(delayed(100_000), due(100_000));
    within(await costs(site, limited(1000)), few);
    within(await costs(site, limited(13), { found: 3 }), few);
  });

  it("is next to nothing where the limit is reached", async () => {
    const site = await filled(delayed(100_000, 1000), due(100_000, 1000), flying(20));
    within(await costs(site, limited(20), { found: 0 }), 100);
    const rules = { rules: { ...grouped.rules, limit: 20 } };
    within(await costs(site, rules, { found: 0 }), 100);
  });

  it("is no less for what keeps an eye on tasks in flight: to reap them, to read their rules", async () => {
    const site = await filled(delayed(100_000), due(100_000), flying(20));
    for (const look of [reap, rulesInForce]) {
      const { custom, generic } = await costsOf(database.url, (sql) => look({ ...site, sql }));
      for (const { plan } of [custom, generic]) assert.doesNotMatch(plan, /Seq Scan q_queue/, plan);
      within([custom, generic], 100);
    }
  });
});
