import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import * as v from "valibot";
import { createQueue, type Headers, PgtqError } from "../mod.ts";
import {
  type Backend,
  backends,
  type Made,
  openBackend,
  type Options,
  type Row,
} from "./_support/backend.ts";

for (const kind of backends) {
  describe(`a queue on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const rows = ({ site } = made): Promise<Row[]> => backend.rows(site.tables.queue);
    const headers = async (made: Made) => (await rows(made)).map((row) => row.headers);

    describe("enqueue", () => {
      it("puts a task in and returns its id", async () => {
        const task = { text: 'it\'s "quoted" \\ \n 😀', deep: [{ n: 1.5, no: null }] };
        assert.equal(await made.queue.enqueue(task), 1);
        assert.equal(await made.queue.enqueue(null), 2);
        const [first, second] = await rows();
        assert.deepEqual([first?.message, first?.headers], [task, null]);
        assert.equal(second?.message, null);
      });

      it("is due now, after the delay, or at the time", async () => {
        const at = new Date(Date.now() + 3_600_000);
        const from = await backend.now();
        await made.queue.enqueue(1);
        await made.queue.enqueue(2, { delay: "2m" });
        await made.queue.enqueue(3, { delay: 0.5 });
        await made.queue.enqueue(4, { at });
        await made.queue.enqueue(5, { at, delay: "1h" });
        const seconds = (row: Row) => (row.vt.getTime() - from.getTime()) / 1000;
        const [now, later, half, then, thenLater] = (await rows()).map(seconds);
        assert.ok(now! < 10, `${now}`);
        assert.ok(later! >= 120 && later! < 130, `${later}`);
        assert.ok(half! >= 0.5 && half! < 10, `${half}`);
        const vts = (await rows()).map((row) => row.vt);
        assert.deepEqual(vts[3], at, `${then}`);
        assert.deepEqual(vts[4], new Date(at.getTime() + 3_600_000), `${thenLater}`);
      });

      it("keeps headers and group as given", async () => {
        const mine: Headers = { mine: { deep: [1, null] }, "x-other": "1" };
        await made.queue.enqueue(1, { headers: mine });
        await made.queue.enqueue(2, { group: "vip", headers: mine });
        await made.queue.enqueue(3, { group: "" });
        assert.deepEqual(await headers(made), [
          mine,
          { ...mine, "x-pgmq-group": "vip" },
          { "x-pgmq-group": "" },
        ]);
      });

      it("asks the queue's own function for the group unless one is given", async () => {
        const group = (task: unknown) => (task as { kind?: string }).kind;
        const made = await backend.make({ group });
        await made.queue.enqueue({ kind: "a" });
        await made.queue.enqueue({ kind: "a" }, { group: "b" });
        await made.queue.enqueue({});
        assert.deepEqual(await headers(made), [
          { "x-pgmq-group": "a" },
          { "x-pgmq-group": "b" },
          null,
        ]);
      });
    });

    describe("enqueueMany", () => {
      it("returns ids in the order of the tasks", async () => {
        const tasks = Array.from({ length: 20 }, (_, n) => ({ n }));
        const ids = await made.queue.enqueueMany(tasks);
        assert.deepEqual(ids, tasks.map(({ n }) => n + 1));
        assert.deepEqual((await rows()).map((row) => row.message), tasks);
      });

      it("takes none", async () => assert.deepEqual(await made.queue.enqueueMany([]), []));

      it("takes more than fit into a statement, in order", async () => {
        const tasks = Array.from({ length: 2500 }, (_, n) => n);
        const ids = await made.queue.enqueueMany(tasks, { delay: 5, group: "g" });
        assert.deepEqual(ids, tasks.map((n) => n + 1));
        assert.deepEqual((await rows()).map((row) => row.message), tasks);
      });

      it("is all or none, however many and however they are sent", async () => {
        const { queue } = made.site.tables;
        await backend.sql.unsafe(`alter table ${queue} add check (message <> '2222')`);
        const tasks = Array.from({ length: 2500 }, (_, n) => n);
        await assert.rejects(made.queue.enqueueMany(tasks), { code: "23514" });
        await assert.rejects(made.queue.enqueueMany(tasks, { sql: backend.sql }), {
          code: "23514",
        });
        assert.deepEqual(await rows(), []);
      });

      it("puts none in when one is invalid", async () => {
        const made = await backend.make({ input: v.object({ n: v.number() }) } as Options);
        const tasks = [{ n: 1 }, { n: "x" }, { n: 3 }];
        await assert.rejects(made.queue.enqueueMany(tasks), {
          code: "INVALID_TASK",
          message: /as the task at index 1 is invalid: n: expected number, received "x"$/,
        });
        assert.deepEqual(await rows(made), []);
      });
    });

    describe("in a transaction of the caller", () => {
      it("the task exists once that commits", async () => {
        const { queue } = made;
        const id = await backend.sql.begin(async (sql) => {
          const id = await queue.enqueue("paid", { sql });
          assert.equal((await rows()).length, 0);
          return id;
        });
        assert.deepEqual((await rows()).map((row) => [Number(row.msg_id), row.message]), [
          [id, "paid"],
        ]);
      });

      it("nothing is left of it when that is rolled back", async () => {
        const failure = new Error("payment refused");
        const tasks = Array.from({ length: 1500 }, (_, n) => n);
        const transaction = backend.sql.begin(async (sql) => {
          await made.queue.enqueueMany(tasks, { sql });
          throw failure;
        });
        await assert.rejects(transaction, failure);
        assert.deepEqual(await rows(), []);
      });

      it("an invalid task leaves the transaction usable", async () => {
        const made = await backend.make({ input: v.string() } as Options);
        await backend.sql.begin(async (sql) => {
          await assert.rejects(made.queue.enqueue(5, { sql }), { code: "INVALID_TASK" });
          await made.queue.enqueue("fine", { sql });
        });
        assert.deepEqual((await rows(made)).map((row) => row.message), ["fine"]);
      });
    });

    describe("a task that is invalid", () => {
      it("changes nothing, and the error says what is wrong with it", async () => {
        const input = v.object({ userId: v.number() });
        const made = await backend.make({ input } as Options);
        const { queue } = made;
        await assert.rejects(queue.enqueue({ userId: "x" }), (error) => {
          assert.ok(error instanceof PgtqError);
          assert.equal(error.code, "INVALID_TASK");
          const reason = 'userId: expected number, received "x"';
          assert.equal(
            error.message,
            `Cannot enqueue to "${queue.name}" as the task is invalid: ${reason}`,
          );
          return true;
        });
        assert.deepEqual(await rows(made), []);
      });

      for (
        const [title, task] of [["no JSON", undefined], ["NUL", "a\0b"], ["\\ud800", "\ud800"]]
      ) {
        it(`is one with ${title}`, async () => {
          await assert.rejects(made.queue.enqueue(task), { code: "INVALID_TASK" });
          assert.deepEqual(await rows(), []);
        });
      }
    });

    describe("the schema", () => {
      it("sees the task as it is after its way through JSON", async () => {
        const at = v.pipe(v.string(), v.isoTimestamp(), v.transform((text) => new Date(text)));
        const made = await backend.make({ input: v.object({ at }) } as Options);
        const now = new Date();
        await made.queue.enqueue({ at: now });
        assert.deepEqual((await rows(made))[0]?.message, { at: now.toISOString() });
      });

      it("checks, but what is stored is the task as given", async () => {
        const input = v.object({ n: v.pipe(v.string(), v.transform(Number)) });
        const made = await backend.make({ input } as Options);
        await made.queue.enqueue({ n: "5", more: true });
        assert.deepEqual((await rows(made))[0]?.message, { n: "5", more: true });
      });
    });

    describe("a queue that is not there", () => {
      it("is named, with the command that helps", async () => {
        const queue = createQueue("not there");
        const calls = [
          () => queue.enqueue(1),
          () => queue.cancel(1),
          () => queue.redrive(1),
          () => queue.list(),
        ];
        for (const call of calls) {
          await assert.rejects(call(), (error) => {
            assert.ok(error instanceof PgtqError);
            assert.equal(error.code, "MISSING_QUEUE");
            assert.match(error.message, /not there.*`pgtq create/);
            assert.doesNotMatch(error.message, /create "not there_dlq"/);
            return true;
          });
        }
        assert.equal(await queue.drop(), false);
      });
    });
  });
}
