import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { claim } from "../../src/db/claim.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { complete, extend } from "../../src/db/settle.ts";
import { type Backend, type Made, openBackend } from "../_support/backend.ts";
import { plansOf } from "../_support/plan.ts";

describe("the plans of the hot path in a queue with 50,000 tasks in front", () => {
  let backend: Backend;
  let made: Made;

  before(async () => {
    backend = await openBackend("ours");
    made = await backend.make();
    await backend.sql.unsafe(`
      insert into ${made.site.tables.queue} (vt, message)
      select now() + interval '1 day' + n * interval '1 second', '{}'
      from generate_series(1, 50000) n`);
    await backend.sql.unsafe(`
      insert into ${made.site.tables.queue} (vt, message)
      select now(), '{}' from generate_series(1, 50) n`);
    await backend.sql.unsafe(`analyze ${made.site.tables.queue}`);
  });
  after(() => backend?.[Symbol.asyncDispose]());

  it("claim goes by the index on vt", async () => {
    const [plan = ""] = await plansOf(backend.url, async (sql) => {
      const { deliveries } = await claim({ ...made.site, sql }, { limit: 10, leaseMs: 60_000 });
      assert.equal(deliveries.length, 10);
    });
    assert.match(plan, /Index Scan using q_\w+_vt_idx/, plan);
    assert.doesNotMatch(plan, /Seq Scan/, plan);
  });

  it("enqueue looks at the index on vt for who is first", async () => {
    const [plan = ""] = await plansOf(backend.url, async (sql) => {
      const { tables } = made.site;
      await enqueue(sql, tables, [{ message: "{}", headers: null }], { delayMs: 0, at: null });
    });
    assert.match(plan, /Index Only Scan using q_\w+_vt_idx/, plan);
    assert.doesNotMatch(plan, /Seq Scan/, plan);
  });

  it("extend and complete go by the primary key", async () => {
    const { deliveries } = await claim(made.site, { limit: 10, leaseMs: 60_000 });
    assert.equal(deliveries.length, 10);
    const plans = await plansOf(backend.url, async (sql) => {
      const site = { ...made.site, sql };
      assert.equal((await extend(site, deliveries, 60_000)).extended.size, 10);
      assert.equal((await complete(site, deliveries, true)).size, 10);
    });
    assert.equal(plans.length, 2);
    for (const plan of plans) {
      assert.match(plan, /Index Scan using q_\w+_pkey/, plan);
      assert.doesNotMatch(plan, /Seq Scan/, plan);
    }
  });
});
