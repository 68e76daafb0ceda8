import assert from "node:assert/strict";
import { after as afterAll, afterEach, before, beforeEach, describe, it } from "node:test";
import { createIndexes, indexes, indexName } from "../../src/db/indexes.ts";
import { putBack } from "../../src/db/settle.ts";
import { type Backend, backends, openBackend } from "../_support/backend.ts";
import {
  after,
  grouped,
  groupedLifo,
  lifo,
  type StrictQueue,
  strictQueue,
} from "../_support/strict_queue.ts";

for (const kind of backends) {
  describe(`a grouped claim on pgmq: ${kind}`, () => {
    let backend: Backend;
    let queue: StrictQueue;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      queue = await strictQueue(backend);
    });
    afterEach(() => queue[Symbol.asyncDispose]());
    afterAll(() => backend?.[Symbol.asyncDispose]());

    const sendAs = (headers: unknown) => {
      const { name } = queue.made.queue;
      const text = headers === undefined ? null : JSON.stringify(headers);
      return backend.sql`
        select pgmq.send(${name}::text, '{}'::jsonb, ${text}::text::jsonb, 0) as id`;
    };

    describe("takes the head of each group", () => {
      it("the oldest, one per group, and the next one only once that is settled", async () => {
        await queue.send("a", "a", "b", "b", "a", "c");
        const { deliveries } = await queue.claim({ ...grouped, ...after("") });
        assert.deepEqual(deliveries.map(({ id }) => id), [1, 3, 6]);
        assert.deepEqual(await queue.take(grouped), []);
        await queue.complete(deliveries.slice(0, 1));
        assert.deepEqual(await queue.take(grouped), [2]);
        await queue.complete(deliveries.slice(1));
        assert.deepEqual(await queue.take(grouped), [4]);
      });

      it("the newest with lifo, and what comes in meanwhile only after the one that runs", async () => {
        await queue.send("a", "a", "b");
        const { deliveries } = await queue.claim({ ...groupedLifo, ...after("z") });
        assert.deepEqual(deliveries.map(({ id }) => id), [3, 2]);
        await queue.send("a", "b", "c");
        assert.deepEqual(await queue.take(groupedLifo), [6]);
        await queue.complete(deliveries);
        assert.deepEqual(await queue.take(groupedLifo), [4, 5]);
      });

      it("and leaves the rest of a group alone while its head is delayed", async () => {
        await queue.send("a", "a", "b", "b");
        await queue.change("vt = now() + interval '1 hour' where msg_id = 1");
        assert.deepEqual(await queue.take(grouped), [3]);
        await queue.change("vt = now() where msg_id = 1");
        assert.deepEqual(await queue.take(grouped), [1]);
      });

      it("and leaves the rest of a group alone while its head waits for a retry", async () => {
        await queue.send("a", "a", "b");
        const { deliveries: [head] } = await queue.claim({ ...grouped, ...after("") });
        const retry = { ...head!, delayMs: 3_600_000, error: "Error: again" };
        await putBack(queue.made.site, [retry], { wake: false });
        assert.deepEqual(await queue.take(grouped), []);
        await queue.change("vt = now() where msg_id = 1");
        assert.deepEqual(await queue.take(grouped), [1]);
      });

      it("says when a head that nothing else waits for becomes due", async () => {
        await queue.send("a", "a");
        await queue.change("vt = now() + interval '1 minute' where msg_id = 1");
        const { nextDueMs = 0, more } = await queue.claim(grouped);
        assert.ok(nextDueMs > 10_000 && nextDueMs <= 60_000, `${nextDueMs}`);
        assert.equal(more, false);
      });

      it("a lower one that is committed late comes next, but not at the same time", async () => {
        let [late, running]: number[][] = [[], []];
        const commit = Promise.withResolvers<void>();
        const inserted = Promise.withResolvers<void>();
        const { tables } = queue.made.site;
        const inserting = backend.sql.begin(async (tx) => {
          const [row] = await tx.unsafe<{ id: string }[]>(`
            insert into ${tables.queue} (vt, message, headers)
            values (now(), '{}', '{"x-pgmq-group": "a"}') returning msg_id as id`);
          late = [Number(row!.id)];
          inserted.resolve();
          await commit.promise;
        });
        await inserted.promise;
        await queue.send("a", "a");
        const claim = await queue.claim(grouped);
        running = claim.deliveries.map(({ id }) => id);
        commit.resolve();
        await inserting;
        assert.deepEqual([late, running], [[1], [2]]);
        assert.deepEqual(await queue.take(grouped), []);
        await queue.complete(claim.deliveries);
        assert.deepEqual(await queue.take(grouped), [1]);
      });
    });

    describe("knows groups", () => {
      it("by what is in the header, and that of all tasks without one", async () => {
        for (const headers of [undefined, {}, null, [], "a", 7, { "x-pgmq-group": null }]) {
          await sendAs(headers);
        }
        await sendAs({ "x-pgmq-group": "_default_fifo_group" });
        await sendAs({ "x-pgmq-group": "" });
        await sendAs({ "x-pgmq-group": 7 });
        await sendAs({ "x-pgmq-group": "7" });
        await sendAs({ "x-pgmq-group": ["7"] });
        const { deliveries } = await queue.claim({ ...grouped, ...after("") });
        assert.deepEqual(deliveries.map(({ id }) => id), [10, 12, 1, 9]);
        await queue.complete(deliveries);
        assert.deepEqual(await queue.take(grouped), [2, 11]);
      });

      it("by their first 500 characters, and takes 10 MB of them", async () => {
        const name = "😀".repeat(500);
        await queue.send(`${name}a`, `${name}b`, name.slice(2), "x".repeat(500));
        await sendAs({ "x-pgmq-group": "x".repeat(10_000_000) });
        const { deliveries } = await queue.claim({ ...grouped, ...after("y") });
        assert.deepEqual(deliveries.map(({ id }) => id), [3, 1, 4]);
        assert.equal(await queue.complete(deliveries).then(({ size }) => size), 3);
        assert.deepEqual(await queue.take(grouped), [2, 5]);
      });

      it("without the indexes, too", async () => {
        const { tables } = queue.made.site;
        await queue.send("a", "a", "b", undefined, "b");
        for (const name of indexes) {
          await backend.sql.unsafe(`drop index ${indexName(tables, name)}`);
        }
        const { deliveries, more } = await queue.claim({ ...grouped, ...after("b"), limit: 2 });
        assert.deepEqual([deliveries.map(({ id }) => id), more], [[4, 1], true]);
        assert.deepEqual(await queue.take(grouped), [3]);
        await queue.complete(deliveries);
        assert.deepEqual(await queue.take({ rules: { ...grouped.rules, limit: 2 } }), [2]);
        await backend.sql.unsafe(createIndexes(tables));
        assert.deepEqual(await queue.take(grouped), []);
      });
    });

    describe("is not held up by", () => {
      it("tasks that have been delivered too often to be delivered again", async () => {
        await queue.send("a", "b", "b", "c", "d");
        await queue.change("read_ct = 2147483647 where msg_id = 2");
        const found = await queue.sweep({ ...grouped, ...after("a"), limit: 1 });
        assert.deepEqual(found.flat(), [4, 5, 1]);
        assert.deepEqual(await queue.take(grouped), []);
      });

      it("tasks whose id is beyond what a number holds", async () => {
        await queue.send("c", "b", "b", "a");
        await backend.sql.unsafe(`
          insert into ${queue.made.site.tables.queue} (msg_id, vt, message, headers)
          overriding system value
          values (9007199254740993, now(), '{}', '{"x-pgmq-group": "b"}')`);
        const found = await queue.sweep({ ...groupedLifo, ...after("c"), limit: 1 });
        assert.deepEqual(found.flat(), [4, 1]);
      });

      it("rows that somebody else has locked", async () => {
        await queue.send("a", "b", "b", "c");
        const { tables } = queue.made.site;
        await backend.sql.begin(async (tx) => {
          await tx.unsafe(`select from ${tables.queue} where msg_id = 2 for update`);
          const found = await queue.sweep({ ...grouped, ...after("a"), limit: 1 });
          assert.deepEqual(found.flat(), [4, 1]);
        });
        assert.deepEqual(await queue.take(grouped), [2]);
      });
    });
  });

  describe(`a claim of the newest without groups on pgmq: ${kind}`, () => {
    it("takes the latest due, by id where they are due at once", async () => {
      await using backend = await openBackend(kind);
      await using queue = await strictQueue(backend);
      await queue.send(...Array(6));
      await queue.change("vt = now() - interval '1 minute'");
      await queue.change("vt = now() where msg_id = 1");
      assert.deepEqual(await queue.take({ ...lifo, limit: 3 }), [1, 6, 5]);
      assert.deepEqual(await queue.take(lifo), [4, 3, 2]);
    });
  });
}
