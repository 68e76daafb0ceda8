import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createQueue, type TaskState } from "../../mod.ts";
import { queueNames } from "../../src/db/admin.ts";
import { claim } from "../../src/db/claim.ts";
import { complete, putBack } from "../../src/db/settle.ts";
import { bury } from "../../src/db/dead.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";

for (const kind of backends) {
  describe(`looking after queues on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    async function take(count = 1) {
      return (await claim(made.site, { limit: count, leaseMs: 30_000 })).deliveries;
    }

    /** One task archived, one dead, one retried later, one running, two due, one delayed. */
    async function oneOfEach() {
      const { queue, site } = made;
      await queue.enqueueMany(["archived", "dead", "retried", "running"], { group: "g" });
      const [archived, dead, retried] = await take(4);
      await complete(site, [archived!], true);
      const graveyard = { letters: made.letters.tables, archive: false };
      await bury(site, [{ ...dead!, error: "Error: over" }], graveyard);
      const later = { ...retried!, delayMs: 60_000, error: "Error: again" };
      await putBack(site, [later], { wake: false });
      await queue.enqueueMany(["due", "due too"]);
      await queue.enqueue("delayed", { delay: "1h" });
    }

    describe("stats", () => {
      it("count each state", async () => {
        await oneOfEach();
        const { oldestAgeSeconds, ...counts } = await made.queue.stats();
        assert.deepEqual(counts, { queued: 2, delayed: 2, processing: 1, dead: 1, archived: 1 });
        assert.ok(oldestAgeSeconds! >= 0 && oldestAgeSeconds! < 60);
      });

      it("of an empty queue are zeros, and no age", async () => {
        assert.deepEqual(await made.queue.stats(), {
          queued: 0,
          delayed: 0,
          processing: 0,
          dead: 0,
          archived: 0,
          oldestAgeSeconds: null,
        });
      });

      it("tell the age since a task was due, not since it was sent", async () => {
        await made.queue.enqueueMany([1, 2]);
        const { queue } = made.site.tables;
        await backend.sql.unsafe(`update ${queue} set enqueued_at = now() - interval '1 day',
          vt = now() - msg_id * interval '1 minute'`);
        const { oldestAgeSeconds } = await made.queue.stats();
        assert.ok(oldestAgeSeconds! >= 120 && oldestAgeSeconds! < 180, `${oldestAgeSeconds}`);
      });

      it("count a crashed worker's task as waiting once its lease is over", async () => {
        await made.queue.enqueue(1);
        await take();
        await backend.sql.unsafe(`update ${made.site.tables.queue} set vt = now()`);
        const { queued, processing } = await made.queue.stats();
        assert.deepEqual([queued, processing], [1, 0]);
      });

      it("work without dead letters, and name a missing queue", async () => {
        const { queue } = await backend.make({ dlq: false });
        assert.equal((await queue.stats()).dead, 0);
        await assert.rejects(createQueue("missing").stats(), { code: "MISSING_QUEUE" });
      });

      it("count exactly to 100,000 and estimate beyond", async () => {
        const { queue } = made.site.tables;
        const grow = (count: number) =>
          backend.sql.unsafe(`insert into ${queue} (vt, message)
            select now(), 'null' from generate_series(1, ${count})`);
        await grow(100_000);
        assert.equal((await made.queue.stats()).queued, 100_000);
        await grow(20_000);
        await backend.sql.unsafe(`analyze ${queue}`);
        const { queued } = await made.queue.stats();
        assert.ok(queued > 110_000 && queued < 130_000, `${queued}`);
      });
    });

    describe("list", () => {
      const states: readonly [TaskState | undefined, unknown[]][] = [
        ["queued", ["due", "due too"]],
        ["delayed", ["retried", "delayed"]],
        ["processing", ["running"]],
        ["archived", ["archived"]],
        ["dead", ["dead"]],
        [undefined, ["retried", "running", "due", "due too", "delayed"]],
      ];
      it("shows the tasks of each state, by id", async () => {
        await oneOfEach();
        for (const [state, expected] of states) {
          const tasks = await made.queue.list(state ? { state } : {});
          assert.deepEqual(tasks.map(({ task }) => task), expected, state);
          if (state) assert.ok(tasks.every((task) => task.state === state));
        }
      });

      it("shows what is known of a task", async () => {
        await oneOfEach();
        const [{ enqueuedAt, visibleAt, ...retried } = {} as never] = await made.queue.list();
        assert.ok(enqueuedAt < visibleAt);
        assert.deepEqual(retried, {
          id: 3,
          state: "delayed",
          task: "retried",
          group: "g",
          errors: ["Error: again"],
          deliveries: 1,
          headers: {
            "x-pgmq-group": "g",
            "x-pgtq-status": "queued",
            "x-pgtq-errors": ["Error: again"],
            "x-pgtq-settled": 1,
          },
        });
        const [dead] = await made.queue.list({ state: "dead" });
        assert.deepEqual([dead?.id, dead?.group, dead?.errors], [1, "g", ["Error: over"]]);
      });

      it("goes on after an id", async () => {
        await made.queue.enqueueMany([1, 2, 3, 4, 5]);
        const page = async (after: number) =>
          (await made.queue.list({ limit: 2, after })).map(({ id }) => id);
        assert.deepEqual([await page(0), await page(2), await page(4), await page(5)], [
          [1, 2],
          [3, 4],
          [5],
          [],
        ]);
      });

      it("changes nothing about the tasks", async () => {
        await made.queue.enqueue(1);
        const rows = await backend.rows(made.site.tables.queue);
        await made.queue.list();
        assert.deepEqual(await backend.rows(made.site.tables.queue), rows);
      });
    });

    describe("cancel", () => {
      it("takes out what waits, and nothing else", async () => {
        await oneOfEach();
        const outcomes = new Map<unknown, boolean>();
        for (const { id, task } of await made.queue.list()) {
          outcomes.set(task, await made.queue.cancel(id));
        }
        assert.deepEqual([...outcomes], [
          ["retried", true],
          ["running", false],
          ["due", true],
          ["due too", true],
          ["delayed", true],
        ]);
        assert.equal(await made.queue.cancel(999), false);
      });

      it("leaves an archived task that says what became of it", async () => {
        await made.queue.enqueue(1, { group: "g" });
        const later = (await take()).map((task) => ({ ...task, delayMs: 60_000, error: "first" }));
        await putBack(made.site, later, { wake: false });
        await made.queue.cancel(1);
        const [row] = await backend.rows(made.site.tables.archive);
        assert.deepEqual([row?.msg_id, row?.message], ["1", 1]);
        assert.equal(row?.headers?.["x-pgtq-status"], "failed");
        assert.deepEqual(row?.headers?.["x-pgtq-errors"], ["first", "Cancelled"]);
        assert.equal(row?.headers?.["x-pgmq-group"], "g");
      });

      it("leaves nothing where there is no archive", async () => {
        const made = await backend.make({ archive: false });
        await made.queue.enqueue(1);
        assert.equal(await made.queue.cancel(1), true);
        assert.deepEqual(await backend.rows(made.site.tables.archive), []);
      });

      it("and a claim at the same time: one of them gets the task", async () => {
        await made.queue.enqueueMany(Array.from({ length: 50 }, (_, n) => n));
        const cancels = Array.from({ length: 50 }, (_, n) => made.queue.cancel(n + 1));
        const [cancelled, { length: claimed }] = await Promise.all([
          Promise.all(cancels),
          take(50),
        ]);
        assert.equal(cancelled.filter(Boolean).length + claimed, 50);
      });
    });

    describe("create, drop and purge", () => {
      it("are harmless when repeated", async () => {
        const { queue } = made;
        await queue.enqueueMany([1, 2, 3]);
        await queue.create();
        assert.equal(await queue.purge(), 3);
        assert.equal(await queue.purge(), 0);
        assert.equal(await queue.drop(), true);
        assert.equal(await queue.drop(), false);
      });

      it("twenty creations of one queue at once make one", async () => {
        const queue = createQueue(`race_${kind}`);
        await Promise.all(Array.from({ length: 20 }, () => queue.create()));
        assert.equal(await queue.enqueue(1), 1);
      });

      it("drop takes the dead letters along", async () => {
        const { queue } = await backend.make({ dlq: `letters_${kind}` });
        assert.ok((await queueNames(backend.sql)).includes(`letters_${kind}`));
        await queue.drop();
        const names = await queueNames(backend.sql);
        assert.ok(!names.includes(queue.name) && !names.includes(`letters_${kind}`));
      });

      it("drop leaves dead letters that belong to another queue", async () => {
        const dlq = `shared_${kind}`;
        const [mine, other] = [await backend.make({ dlq }), await backend.make({ dlq })];
        await backend.sql.unsafe(
          `select pgmq.send('${dlq}', '{"queue_name": "${other.queue.name}", "msg_id": 1}')`,
        );
        await mine.queue.drop();
        assert.equal((await other.queue.dlq.list()).length, 1);
        await other.queue.drop();
        assert.ok(!(await queueNames(backend.sql)).includes(dlq));
      });

      it("purge names a missing queue", async () => {
        await assert.rejects(createQueue("missing").purge(), { code: "MISSING_QUEUE" });
      });
    });
  });
}
