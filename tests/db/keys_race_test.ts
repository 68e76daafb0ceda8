import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import postgres from "postgres";
import type { Queryable, Sql } from "../../src/db/connection.ts";
import { claim } from "../../src/db/claim.ts";
import { complete } from "../../src/db/settle.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";
import { blocked } from "../_support/blocked.ts";
import { take } from "../_support/burial.ts";

/** Takes the key out of the body. */
const key = (task: unknown) => String(task);

for (const kind of backends) {
  describe(`producers of one key on pgmq: ${kind}`, () => {
    let backend: Backend;
    let many: Sql;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
      many = postgres(backend.url, { max: 20 });
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(async () => {
      await many.end({ timeout: 1 });
      await backend[Symbol.asyncDispose]();
    });

    const rows = () => backend.rows(made.site.tables.queue);
    const bodies = async () => (await rows()).map(({ message }) => message);
    const claimed = async () => {
      return (await claim(made.site, { limit: 9, leaseMs: 60_000 })).deliveries.map(({ id }) => id);
    };

    describe("at the same time", () => {
      for (const replace of [undefined, "payload"] as const) {
        it(`twenty make one task: replace ${replace}`, async () => {
          for (let round = 0; round < 10; round++) {
            const how = { key: `${round}`, sql: many, ...(replace && { replace }) };
            const ids = await Promise.all(
              Array.from({ length: 20 }, (_, n) => made.queue.enqueue(n, how)),
            );
            assert.equal(new Set(ids).size, 1);
            assert.equal((await rows()).length, round + 1);
          }
        });
      }

      it("batches in opposite order make one task per key, and no deadlock", async () => {
        // Three statements each: what one of them holds, the others of the batch wait with.
        const keys = Array.from({ length: 2100 }, (_, n) => n);
        const calls = Array.from({ length: 8 }, (_, n) => {
          const tasks = n % 2 ? keys : keys.toReversed();
          return made.queue.enqueueMany(tasks, { key, sql: many });
        });
        const [first, ...others] = (await Promise.all(calls)).map((ids, n) => {
          return n % 2 ? ids : ids.toReversed();
        });
        for (const ids of others) assert.deepEqual(ids, first);
        assert.equal((await rows()).length, keys.length);
      });

      it("small batches that replace, in opposite order, make no deadlock", async () => {
        const keys = Array.from({ length: 50 }, (_, n) => n);
        await Promise.all(Array.from({ length: 100 }, (_, n) => {
          const tasks = n % 2 ? keys : keys.toReversed();
          return made.queue.enqueueMany(tasks, { key, sql: many, replace: "payload" });
        }));
        assert.equal((await rows()).length, keys.length);
      });

      it("as a worker completes the task, get its id or make a new one", async () => {
        for (let round = 0; round < 50; round++) {
          const old = await made.queue.enqueue("old", { key: "a" });
          const tasks = await take(made);
          const [id] = await Promise.all([
            made.queue.enqueue("new", { key: "a", sql: many }),
            complete(made.site, tasks, true),
          ]);
          assert.deepEqual(await bodies(), id === old ? [] : ["new"]);
          await backend.sql.unsafe(`delete from ${made.site.tables.queue}`);
        }
      });
    });

    describe("in a transaction", () => {
      /** Enqueues in a transaction, and meanwhile with the same key somewhere else. */
      async function meet(end: () => void, how: { replace?: "payload" } = {}) {
        const ids: Promise<number>[] = [];
        const transaction = backend.sql.begin(async (sql) => {
          ids.push(Promise.resolve(await made.queue.enqueue("first", { key: "a", sql })));
          ids.push(made.queue.enqueue("second", { key: "a", ...how }));
          await blocked(backend.sql);
          end();
        });
        await transaction.catch(() => {});
        return await Promise.all(ids);
      }

      it("that commits, are waited for and give their id", async () => {
        assert.deepEqual(await meet(() => {}), [1, 1]);
        assert.deepEqual(await bodies(), ["first"]);
      });

      it("that commits, are waited for and replaced", async () => {
        assert.deepEqual(await meet(() => {}, { replace: "payload" }), [1, 1]);
        assert.deepEqual(await bodies(), ["second"]);
      });

      it("that is rolled back, leave the key to whoever waits", async () => {
        const [first, second] = await meet(() => {
          throw new Error("rolled back");
        });
        assert.notEqual(first, second);
        assert.deepEqual((await rows()).map((row) => [Number(row.msg_id), row.message]), [
          [second, "second"],
        ]);
      });

      it("keep to the key among themselves, and see what they have replaced", async () => {
        const { queue } = made;
        await backend.sql.begin(async (sql) => {
          const id = await queue.enqueue(1, { key: "a", sql });
          assert.equal(await queue.enqueue(2, { key: "a", sql }), id);
          assert.equal(await queue.enqueue(3, { key: "a", sql, replace: "payload" }), id);
          const ids = await queue.enqueueMany([4, 5], { key: (n) => n === 4 ? "a" : "b", sql });
          assert.equal(ids[0], id);
        });
        assert.deepEqual(await bodies(), [3, 5]);
      });

      it("hold a task that waits until the end, and let workers know then", async () => {
        const id = await made.queue.enqueue(1, { key: "a" });
        const heard = Promise.withResolvers<void>();
        await backend.sql.listen(made.site.tables.channel, () => heard.resolve());
        await backend.sql.begin(async (sql) => {
          assert.equal(await made.queue.enqueue(2, { key: "a", sql }), id);
          assert.deepEqual(await claimed(), []);
        });
        await heard.promise;
        assert.deepEqual(await claimed(), [id]);
      });

      it("don't hold a task that runs", async () => {
        const id = await made.queue.enqueue(1, { key: "a" });
        const tasks = await take(made);
        await backend.sql.begin(async (sql) => {
          for (const replace of [undefined, "payload"] as const) {
            const how = { key: "a", sql, ...(replace && { replace }) };
            assert.equal(await made.queue.enqueue(2, how), id);
          }
          assert.deepEqual(await complete(made.site, tasks, true), new Set([id]));
        });
        assert.deepEqual(await rows(), []);
      });

      it("whose snapshot is older than the end of a task make a new one", async () => {
        const send = (sql?: Queryable) => made.queue.enqueue("new", { key: "a", sql });
        const old = await send();
        const tasks = await take(made);
        await backend.sql.begin("isolation level repeatable read", async (sql) => {
          assert.equal((await sql.unsafe(`select from ${made.site.tables.queue}`)).length, 1);
          await complete(made.site, tasks, true);
          assert.notEqual(await send(sql), old);
        });
        assert.equal((await rows()).length, 1);
      });
    });

    it("one that meets a task being completed waits for it only where it may have to write", async () => {
      const old = await made.queue.enqueue("old", { key: "a" });
      let replaced: Promise<number> | undefined;
      await backend.sql.begin(async (sql) => {
        await sql.unsafe(`delete from ${made.site.tables.queue}`);
        assert.equal(await made.queue.enqueue("new", { key: "a" }), old);
        replaced = made.queue.enqueue("new", { key: "a", replace: "payload" });
        await blocked(backend.sql);
      });
      assert.notEqual(await replaced, old);
      assert.deepEqual(await bodies(), ["new"]);
    });
  });
}
