import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { die, fail } from "../_support/burial.ts";
import {
  type Backend,
  backends,
  type Made,
  openBackend,
  type Options,
  type Row,
} from "../_support/backend.ts";

for (const kind of backends) {
  describe(`redriving on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const at = ({ site }: Made) => backend.rows(site.tables.queue);
    const letters = ({ letters }: Made) => backend.rows(letters.tables.queue);
    const lettersArchive = ({ letters }: Made) => backend.rows(letters.tables.archive);

    async function buried(options: Options) {
      const made = await backend.make(options);
      await die(made, { n: 1 });
      return made;
    }

    describe("redrive", () => {
      it("makes a new task with the group and headers of the old one, linked both ways", async () => {
        const headers = { "x-pgmq-group": "vip", mine: { deep: [1] } };
        await die(made, { n: 1 }, headers);
        assert.equal(await made.queue.redrive(1), 2);
        assert.deepEqual(await letters(made), []);
        const [task] = await at(made);
        assert.deepEqual([task?.msg_id, task?.message, task?.read_ct], ["2", { n: 1 }, 0]);
        assert.deepEqual(task?.headers, {
          ...headers,
          "x-pgtq-original": "1",
          "x-pgtq-root": "1",
          "x-pgtq-redriven-from": "1",
        });
        const [letter] = await lettersArchive(made);
        assert.deepEqual(letter?.headers, { ...headers, "x-pgtq-retry": "2" });
        assert.equal((letter?.message as { msg_id?: unknown }).msg_id, 1);
      });

      it("keeps the root over many lives, and no errors of former ones", async () => {
        await die(made, { n: 1 }, { mine: true });
        for (const id of [1, 2, 3]) {
          assert.equal(await made.queue.redrive(id), id + 1);
          const [task] = await at(made);
          assert.deepEqual(task?.headers, {
            mine: true,
            "x-pgtq-original": String(id),
            "x-pgtq-root": "1",
            "x-pgtq-redriven-from": String(id),
          });
          await fail(made, `Error: life ${id + 1}`);
          const [letter] = await letters(made);
          const { errors } = letter?.message as { errors?: unknown };
          assert.deepEqual(errors, [`Error: life ${id + 1}`]);
        }
      });

      it("deletes the letter where letters have no archive", async () => {
        const made = await buried({ dlqArchive: false });
        assert.equal(await made.queue.redrive(1), 2);
        assert.deepEqual([await letters(made), await lettersArchive(made)], [[], []]);
      });

      it("of one letter twenty times at once makes one task", async () => {
        await die(made, { n: 1 });
        const calls = Array.from({ length: 20 }, () => made.queue.redrive(1));
        const ids = (await Promise.all(calls)).filter((id) => id !== undefined);
        assert.deepEqual(ids, [2]);
        assert.equal((await at(made)).length, 1);
        assert.equal((await lettersArchive(made)).length, 1);
      });

      it("of a letter that is not there changes nothing", async () => {
        assert.equal(await made.queue.redrive(42), undefined);
      });

      it("changes nothing at all when the task can't be written", async () => {
        await die(made, { n: 1 });
        await backend.sql.unsafe(`
          alter table ${made.site.tables.queue} add check (message ->> 'n' <> '1')`);
        await assert.rejects(made.queue.redrive(1), { code: "23514" });
        assert.equal((await letters(made)).length, 1);
        assert.deepEqual(await lettersArchive(made), []);
      });
    });

    describe("redriveAll", () => {
      it("goes from the oldest letter on, up to the limit", async () => {
        for (const n of [1, 2, 3, 4, 5]) await die(made, { n });
        assert.equal(await made.queue.redriveAll({ limit: 2 }), 2);
        assert.equal(await made.queue.redriveAll({ limit: 0 }), 0);
        assert.deepEqual((await at(made)).map((row) => row.message), [{ n: 1 }, { n: 2 }]);
        assert.equal(await made.queue.redriveAll(), 3);
        assert.equal(await made.queue.redriveAll(), 0);
      });

      it("takes more than fit into a statement, each once, even from two sides", async () => {
        await backend.sql.unsafe(`
          insert into ${made.letters.tables.queue} (vt, message)
          select now(), jsonb_build_object('msg_id', n, 'queue_name', '${made.queue.name}',
            'message', n, 'errors', '[]'::jsonb)
          from generate_series(1, 2500) n`);
        const { queue } = made;
        const counts = await Promise.all([queue.redriveAll(), queue.redriveAll()]);
        assert.equal(counts[0]! + counts[1]!, 2500);
        const bodies = (await at(made)).map((row) => row.message as number);
        assert.deepEqual(bodies.sort((a, b) => a - b), Array.from(bodies, (_, n) => n + 1));
        assert.equal(bodies.length, 2500);
      });
    });

    describe("dead letters shared by queues", () => {
      it("are listed, redriven and counted with the queue they came from", async () => {
        const shared = { dlq: `shared_${kind}` };
        const [left, right] = [await backend.make(shared), await backend.make(shared)];
        for (const made of [left, right, left]) await die(made, made.queue.name);
        assert.deepEqual((await left.queue.dlq.list()).map(({ id }) => id), [1, 3]);
        assert.deepEqual((await right.queue.dlq.list()).map(({ id }) => id), [2]);
        assert.equal(await left.queue.redrive(2), undefined);
        assert.equal(await right.queue.redriveAll(), 1);
        assert.equal(await right.queue.redriveAll(), 0);
        assert.deepEqual((await at(right)).map((row: Row) => row.message), [right.queue.name]);
        assert.deepEqual((await left.queue.dlq.list()).map(({ id }) => id), [1, 3]);
        assert.equal((await left.queue.stats()).dead, 2);
        assert.equal((await right.queue.stats()).dead, 0);
      });

      it("know their queue in whatever spelling, as its tables do", async () => {
        const upper = await backend.make({}, "Orders");
        await die(upper, { n: 1 });
        const lower = await backend.make({}, "orders");
        assert.equal((await lower.queue.dlq.list()).length, 1);
        assert.equal(await lower.queue.redrive(1), 2);
      });
    });
  });
}
