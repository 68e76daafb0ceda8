import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import postgres from "postgres";
import { close, createQueue, type Queue, setup } from "../../mod.ts";
import { claim } from "../../src/db/claim.ts";
import { complete, putBack } from "../../src/db/settle.ts";
import type { Sql } from "../../src/db/connection.ts";
import { bury } from "../../src/db/dead.ts";
import { siteOf } from "../../src/db/site.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

/** What callers set on the pools they hand to `setup`. */
const pools: readonly [string, postgres.Options<Record<string, postgres.PostgresType>>][] = [
  ["ids as BigInt", { types: { bigint: postgres.BigInt } }],
  ["names in camelCase", { transform: postgres.camel }],
  ["undefined as null", { transform: { undefined: null } }],
  ["no prepared statements", { prepare: false }],
  ["times as text", {
    types: {
      date: { to: 1184, from: [1082, 1114, 1184], serialize: String, parse: String },
    } as Record<string, postgres.PostgresType>,
  }],
];

for (const [title, options] of pools) {
  describe(`the library on a caller's pool with ${title}`, () => {
    let database: TestDatabase;
    let sql: Sql;
    let queue: Queue;
    let made = 0;

    before(async () => {
      database = await createTestDatabase();
      sql = postgres(database.url, { ...options, max: 2 }) as unknown as Sql;
      setup({ sql });
    });
    beforeEach(async () => {
      queue = createQueue(`queue_${++made}`, { archive: { limit: 0 } });
      await queue.create();
    });
    after(async () => {
      await close();
      await sql?.end({ timeout: 1 });
      await database?.[Symbol.asyncDispose]();
    });

    const site = () => siteOf(sql, queue.definition.tables, "Cannot test");
    const take = async () => (await claim(await site(), { limit: 9, leaseMs: 30_000 })).deliveries;

    it("takes a task through retry, death and another life", async () => {
      const task = { user_id: 1, at: new Date(0) };
      const enqueuedFrom = Date.now() - 60_000;
      assert.equal(await queue.enqueue(task, { group: "g", delay: 0, at: new Date(0) }), 1);

      const [first] = await take();
      assert.deepEqual([first?.id, first?.deliveries], [1, 1]);
      assert.deepEqual(first?.message, { user_id: 1, at: new Date(0).toISOString() });
      assert.ok(first!.enqueuedAt.getTime() > enqueuedFrom);
      const back = { ...first!, delayMs: 0, error: "Error: 1" };
      assert.deepEqual(await putBack(await site(), [back], { wake: true }), new Set([1]));

      const [second] = await take();
      const graveyard = { letters: queue.definition.letters, archive: true };
      await bury(await site(), [{ ...second!, error: "Error: 2" }], graveyard);
      const [letter] = await queue.dlq.list();
      assert.deepEqual([letter?.id, letter?.taskId], [1, 1]);
      assert.deepEqual(letter?.errors, ["Error: 1", "Error: 2"]);
      assert.ok(letter!.diedAt.getTime() > enqueuedFrom);

      assert.equal(await queue.redrive(1), 2);
      const [third] = await take();
      assert.equal(third?.headers["x-pgtq-root"], "1");
      assert.deepEqual(await complete(await site(), [third!], true), new Set([2]));
      assert.equal(await queue.prune(), 2);
    });

    it("counts, lists, cancels and purges", async () => {
      await queue.enqueueMany([{ snake_case: 1 }, 2, 3]);
      const { queued, oldestAgeSeconds } = await queue.stats();
      assert.equal(queued, 3);
      assert.ok(oldestAgeSeconds! >= 0);
      const [one] = await queue.list();
      assert.deepEqual(one?.task, { snake_case: 1 });
      assert.ok(one?.visibleAt instanceof Date && !Number.isNaN(one.visibleAt.getTime()));
      assert.equal(await queue.cancel(1), true);
      assert.equal(await queue.purge(), 2);
      assert.equal(await queue.drop(), true);
    });
  });
}
