import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { EnqueueOptions } from "../../mod.ts";
import { type Backend, type Made, openBackend } from "../_support/backend.ts";
import { plansOf } from "../_support/plan.ts";

describe("the plans for keys in a queue of 50,000 tasks with a key and as many without", () => {
  let backend: Backend;
  let made: Made;

  before(async () => {
    backend = await openBackend("ours");
    made = await backend.make();
    await backend.sql.unsafe(`
      insert into ${made.site.tables.queue} (vt, message, headers)
      select now() + n * interval '1 second', '{}',
        case when n % 2 = 0 then jsonb_build_object('x-pgtq-key', n::text) end
      from generate_series(1, 100000) n`);
    await backend.sql.unsafe(`analyze ${made.site.tables.queue}`);
  });
  after(() => backend?.[Symbol.asyncDispose]());

  const replace = "payload";
  const cases: Record<string, EnqueueOptions> = {
    "a key": { key: "400" },
    "a key that is new": { key: "new" },
    "a key whose task gets a new body": { key: "400", replace },
    "a batch": { key: (n) => n === 0 ? undefined : String(n) },
    "a batch that replaces": { key: String, replace },
  };
  for (const [title, options] of Object.entries(cases)) {
    it(`of ${title} go by the index`, async () => {
      const tasks = title.includes("batch") ? [0, 400, 500, -1, 401] : [0];
      const [plan = "", ...others] = await plansOf(backend.url, async (sql) => {
        await made.queue.enqueueMany(tasks, { ...options, sql });
      });
      assert.equal(others.length, 0);
      assert.match(plan, /Index Scan using q_\w+_pgtq_key/, plan);
      assert.match(plan, /Conflict Arbiter Indexes: q_\w+_pgtq_key/, plan);
      assert.doesNotMatch(plan, /Seq Scan/, plan);
    });
  }

  it("of tasks without a key know nothing of keys", async () => {
    const [plan = ""] = await plansOf(backend.url, async (sql) => {
      await made.queue.enqueue(0, { key: () => undefined, sql });
    });
    assert.doesNotMatch(plan, /Conflict|pgtq_key|Seq Scan/, plan);
  });
});
