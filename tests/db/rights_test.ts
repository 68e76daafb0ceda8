import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { close, createQueue, processor, type Queue, setup, Worker } from "../../mod.ts";
import { install } from "../../src/db/install.ts";
import { backends } from "../_support/backend.ts";
import { record } from "../_support/events.ts";
import { type RolesDatabase, rolesDatabase } from "../_support/roles.ts";

interface Task {
  n: number;
}

for (const kind of backends) {
  describe(`roles on ${kind} pgmq`, () => {
    let database: RolesDatabase;
    let queue: Queue<Task>;
    let made = 0;

    before(async () => {
      database = await rolesDatabase({ pgmq: kind });
      setup({ sql: database.owner });
      await install(database.owner);
    });
    beforeEach(async () => {
      setup({ sql: database.owner });
      queue = createQueue<Task>(`queue_${++made}`, {
        group: ({ n }) => n > 9 ? "many" : undefined,
      });
      await queue.create();
    });
    after(async () => {
      await close();
      await database?.[Symbol.asyncDispose]();
    });

    const bodies = async () => (await queue.list()).map(({ task }) => task);

    describe("a producer", () => {
      it("enqueues one or many, with groups, headers and times, in its own transaction", async () => {
        const sql = database.as("producer");
        setup({ sql });
        await queue.enqueue({ n: 1 });
        await queue.enqueue({ n: 2 }, { delay: "1h", headers: { trace: "t" } });
        await queue.enqueue({ n: 10 });
        await queue.enqueueMany([{ n: 3 }, { n: 11 }], { at: new Date() });
        await sql.begin((tx) => queue.enqueue({ n: 4 }, { sql: tx }));
        setup({ sql: database.owner });
        assert.deepEqual(await bodies(), [1, 2, 10, 3, 11, 4].map((n) => ({ n })));
      });

      it("enqueues with keys, in its own transaction, too, but can't replace bodies", async () => {
        const sql = database.as("producer");
        setup({ sql });
        const id = await queue.enqueue({ n: 10 }, { key: "a" });
        assert.equal(await queue.enqueue({ n: 2 }, { key: "a" }), id);
        const key = ({ n }: Task) => `${n}`;
        await queue.enqueueMany([{ n: 3 }, { n: 11 }, { n: 3 }], { key });
        await sql.begin(async (tx) => {
          assert.equal(await queue.enqueue({ n: 4 }, { key: "a", sql: tx }), id);
        });
        const replacing = queue.enqueue({ n: 5 }, { key: "a", replace: "payload" });
        await assert.rejects(replacing, { code: "MISSING_RIGHT" });
        setup({ sql: database.owner });
        assert.deepEqual(await bodies(), [10, 3, 11].map((n) => ({ n })));
      });

      it("sends by pgmq's own functions", async () => {
        const send = `select pgmq.send('${queue.name}',`;
        await database.as("producer").unsafe(`
          ${send} '{"n": 1}');
          ${send} '{"n": 2}', 60);
          ${send} '{"n": 3}', '{"h": 1}'::jsonb, now());
          select pgmq.send_batch('${queue.name}', array['{"n": 4}', '{"n": 5}']::jsonb[])`);
        assert.deepEqual(await bodies(), [1, 2, 3, 4, 5].map((n) => ({ n })));
      });
    });

    describe("a worker", () => {
      it("retries, buries, redrives, cancels and prunes", async () => {
        setup({ sql: database.as("worker") });
        const [good, bad] = await queue.enqueueMany([{ n: 1 }, { n: 2 }]);
        const onTask = processor(queue, { maxRetries: 1 }, ({ n }, { attempt }) => {
          if (n === 2 || attempt === 1) throw new Error("no");
        });
        const worker = new Worker({ processors: [onTask] });
        const seen = record(worker);
        await worker.drain();
        assert.deepEqual(seen.filter((line) => /^(completed|dead|error)/.test(line)).toSorted(), [
          `completed ${good}/2`,
          `dead ${bad}/2`,
        ]);
        const [letter] = await queue.dlq.list();
        const again = await queue.redrive(letter!.id);
        assert.equal(await queue.cancel(again!), true);
        const { name } = queue;
        assert.equal(await createQueue(name, { archive: { limit: 1 } }).prune(), 2);
      });

      it("keeps to groups, limits and keys, and enqueues from handlers", async () => {
        setup({ sql: database.as("worker") });
        const key = ({ n }: Task) => `k${n}`;
        await queue.enqueueMany([{ n: 10 }, { n: 11 }, { n: 1 }, { n: 1 }], { key });
        await queue.enqueue({ n: 10 }, { key: "k1", replace: "payload" });
        const done: number[] = [];
        const onTask = processor(queue, { grouped: true, concurrencyLimit: 2 }, async ({ n }) => {
          done.push(n);
          if (n === 11) await queue.enqueue({ n: 12 });
        });
        const worker = new Worker({ processors: [onTask], concurrencyLimit: 4 });
        const seen = record(worker);
        await worker.drain();
        assert.deepEqual(done.toSorted(), [10, 10, 11, 12]);
        assert.deepEqual(seen.filter((line) => line === "error"), []);
      });

      it("may ask for a queue that is there, but creates none", async () => {
        setup({ sql: database.as("worker") });
        await queue.create();
        await assert.rejects(createQueue("another").create(), { code: "MISSING_RIGHT" });
      });

      it("takes by pgmq's own functions", async () => {
        const { name } = queue;
        const [row] = await database.as("worker").unsafe(`
          with sent as (select pgmq.send_batch('${name}', array['1', '2', '3', '4']::jsonb[]))
          select count(*)::int as sent from sent`);
        assert.equal(row!.sent, 4);
        const calls = [
          `read('${name}', 60, 2)`,
          `set_vt('${name}', 1, 0)`,
          `archive('${name}', 1)`,
          `delete('${name}', 2)`,
          `pop('${name}')`,
        ];
        for (const call of calls) {
          assert.ok((await database.as("worker").unsafe(`select pgmq.${call}`)).length > 0, call);
        }
        assert.deepEqual((await queue.list()).map(({ id }) => id), [4]);
      });
    });

    for (const role of ["producer", "worker"] as const) {
      it(`a ${role} sends to topics, and to queues that notify, where pgmq has such`, async (t) => {
        if (kind === "older") return t.skip("1.5 has neither");
        const { owner } = database;
        await owner`select pgmq.bind_topic(${`${role}.*`}, ${queue.name}),
          pgmq.enable_notify_insert(${queue.name}, 0)`;
        const sql = database.as(role);
        await sql`select pgmq.send_topic(${`${role}.x`}, '{"n": 1}')`;
        await sql`
          select * from pgmq.send_batch_topic(${`${role}.x`}, array['{"n": 2}']::jsonb[])`;
        setup({ sql });
        await queue.enqueue({ n: 3 });
        setup({ sql: owner });
        assert.deepEqual(await bodies(), [1, 2, 3].map((n) => ({ n })));
      });
    }

    it("an observer sees counts, tasks in every state, dead letters and metrics", async () => {
      await queue.enqueueMany([{ n: 1 }, { n: 2 }]);
      const onTask = processor(queue, ({ n }) => {
        if (n === 2) throw new Error("no");
      });
      await new Worker({ processors: [onTask] }).drain();
      await queue.enqueue({ n: 3 });

      const sql = database.as("observer");
      setup({ sql });
      const { queued, dead, archived } = await queue.stats();
      assert.deepEqual({ queued, dead, archived }, { queued: 1, dead: 1, archived: 2 });
      assert.deepEqual(await bodies(), [{ n: 3 }]);
      for (const state of ["queued", "delayed", "processing", "dead", "archived"] as const) {
        assert.ok(Array.isArray(await queue.list({ state })), state);
      }
      assert.deepEqual((await queue.dlq.list()).map(({ task }) => task), [{ n: 2 }]);
      const [metrics] = await sql`select * from pgmq.metrics(${queue.name})`;
      assert.equal(metrics!.total_messages, "3");
      const lists = ["metrics_all()", "list_queues()"];
      if (kind !== "older") {
        await database.owner`select pgmq.enable_notify_insert(${queue.name}),
          pgmq.bind_topic('seen', ${queue.name})`;
        lists.push(
          "list_notify_insert_throttles()",
          "list_topic_bindings()",
          "test_routing('seen')",
        );
      }
      for (const list of lists) {
        assert.ok((await sql.unsafe(`select * from pgmq.${list}`)).length > 0, list);
      }
    });
  });
}
