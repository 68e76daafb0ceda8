import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { claim, enqueue, putBack } from "../../src/db/broker.ts";
import { bury, type Graveyard } from "../../src/db/dead.ts";
import {
  type Backend,
  backends,
  type Made,
  openBackend,
  type Options,
  type Row,
} from "../_support/backend.ts";

for (const kind of backends) {
  describe(`dead letters on pgmq: ${kind}`, () => {
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
    const archive = ({ site }: Made) => backend.rows(site.tables.archive);
    const letters = ({ letters }: Made) => backend.rows(letters.tables.queue);
    const lettersArchive = ({ letters }: Made) => backend.rows(letters.tables.archive);

    async function take({ site }: Made, count = 1) {
      return (await claim(site, { limit: count, leaseMs: 30_000 })).deliveries;
    }

    /** The graveyard as workers derive it from the queue's options. */
    function graveyard({ queue: { definition } }: Made): Graveyard {
      return { letters: definition.letters, archive: definition.archive !== undefined };
    }

    /** Sends a task and has it fail for good; returns the id of the task. */
    async function die(made: Made, body: unknown, headers?: object, error = "Error: dead") {
      const tasks = [{
        message: JSON.stringify(body),
        headers: headers ? JSON.stringify(headers) : null,
      }];
      const [id] = await enqueue(backend.sql, made.site.tables, tasks, { delayMs: 0, at: null });
      await fail(made, error);
      return id!;
    }

    /** Has the next task fail for good. */
    async function fail(made: Made, error = "Error: dead") {
      const [delivery] = await take(made);
      await bury(made.site, [{ ...delivery!, error }], graveyard(made));
    }

    async function buried(options: Options) {
      const made = await backend.make(options);
      await die(made, { n: 1 });
      return made;
    }

    describe("bury", () => {
      it("makes a dead letter and an archived task that names it", async () => {
        await die(made, { n: 0 });
        const headers = { "x-pgmq-group": "vip", mine: { deep: [1] } };
        const id = await die(made, { n: 1 }, headers, "Error: it's over");
        assert.deepEqual(await at(made), []);
        const letter = (await letters(made))[1];
        assert.deepEqual(letter?.message, {
          msg_id: id,
          queue_name: made.queue.name,
          message: { n: 1 },
          errors: ["Error: it's over"],
        });
        assert.deepEqual(letter?.headers, headers);
        assert.equal(letter?.read_ct, 0);
        assert.ok(letter.vt <= await backend.now());
        const row = (await archive(made))[1];
        assert.deepEqual([row?.msg_id, row?.read_ct, row?.message], [String(id), 1, { n: 1 }]);
        assert.deepEqual(row?.headers, {
          ...headers,
          "x-pgtq-status": "failed",
          "x-pgtq-errors": ["Error: it's over"],
          "x-pgtq-dlq": letter?.msg_id,
        });
      });

      it("keeps the errors of earlier attempts, and no trace of releases", async () => {
        await backend.sql`select pgmq.send(${made.queue.name}, '1'::jsonb)`;
        for (const error of ["first", null, "second"]) {
          const tasks = (await take(made)).map((task) => ({ ...task, error, delayMs: 0 }));
          await putBack(made.site, tasks, { wake: false });
        }
        await fail(made, "last");
        const [letter] = await letters(made);
        const errors = ["first", "second", "last"];
        assert.deepEqual((letter?.message as { errors?: unknown }).errors, errors);
        assert.equal(letter?.headers, null);
        assert.deepEqual((await archive(made))[0]?.headers?.["x-pgtq-errors"], errors);
      });

      it("leaves only an archived task where there are no dead letters", async () => {
        const made = await buried({ dlq: false });
        assert.deepEqual(await at(made), []);
        assert.deepEqual((await archive(made)).map((row) => row.headers), [
          { "x-pgtq-status": "failed", "x-pgtq-errors": ["Error: dead"] },
        ]);
      });

      it("leaves only a dead letter where there is no archive", async () => {
        const made = await buried({ archive: false });
        assert.deepEqual([await at(made), await archive(made)], [[], []]);
        assert.equal((await letters(made)).length, 1);
      });

      it("leaves nothing where there is neither", async () => {
        const made = await buried({ archive: false, dlq: false });
        assert.deepEqual([await at(made), await archive(made)], [[], []]);
      });

      for (const options of [{}, { dlq: false }, { archive: false }]) {
        it(`changes nothing with a stale receipt: ${JSON.stringify(options)}`, async () => {
          const made = await backend.make(options);
          await backend.sql`select pgmq.send(${made.queue.name}, '1'::jsonb)`;
          const [task] = await take(made);
          const rows = await at(made);
          const stale = [
            { ...task!, deliveries: 0, error: "stale" },
            { ...task!, deliveries: 2, error: "stale" },
            { ...task!, id: 99, error: "stale" },
          ];
          assert.deepEqual(await bury(made.site, stale, graveyard(made)), new Set());
          assert.deepEqual([await at(made), await archive(made)], [rows, []]);
          if (options.dlq !== false) assert.deepEqual(await letters(made), []);
        });
      }

      it("applies to a task once, however often it is sent", async () => {
        await backend.sql`select pgmq.send(${made.queue.name}, '1'::jsonb)`;
        const [task] = await take(made);
        const failed = [{ ...task!, error: "once" }];
        const all = Array.from({ length: 5 }, () => bury(made.site, failed, graveyard(made)));
        const sizes = (await Promise.all(all)).map((ids) => ids.size);
        assert.deepEqual(sizes.sort(), [0, 0, 0, 0, 1]);
        assert.equal((await letters(made)).length, 1);
      });

      it("buries many at once, each with its own letter in the order of their ids", async () => {
        await backend
          .sql`select pgmq.send_batch(${made.queue.name}, array['1', '2', '3']::jsonb[])`;
        const tasks = (await take(made, 3)).reverse();
        const failed = tasks.map((task) => ({ ...task, error: `Error: ${task.id}` }));
        assert.deepEqual(await bury(made.site, failed, graveyard(made)), new Set([1, 2, 3]));
        const bodies = (await letters(made)).map(({ message }) => message as { msg_id: number });
        assert.deepEqual(bodies.map(({ msg_id }) => msg_id), [1, 2, 3]);
        const links = (await archive(made)).map((row) => row.headers?.["x-pgtq-dlq"]);
        assert.deepEqual(links, ["1", "2", "3"]);
      });

      it("changes nothing at all when the dead letter can't be written", async () => {
        await backend.sql`select pgmq.send(${made.queue.name}, '1'::jsonb)`;
        const failed = (await take(made)).map((task) => ({ ...task, error: "dead" }));
        await backend.sql.unsafe(`drop table ${made.letters.tables.queue}`);
        const rows = await at(made);
        await assert.rejects(bury(made.site, failed, graveyard(made)), { code: "MISSING_QUEUE" });
        assert.deepEqual([await at(made), await archive(made)], [rows, []]);
      });

      it("takes tasks with junk for headers or no body", async () => {
        const { name } = made.queue;
        await backend.sql`select pgmq.send(${name}, null::jsonb, '[1]'::jsonb, 0)`;
        await fail(made);
        const [letter] = await letters(made);
        assert.equal(letter?.headers, null);
        assert.equal((letter?.message as { message?: unknown }).message, null);
      });
    });

    describe("dlq.list", () => {
      it("shows letters from the oldest on, page by page", async () => {
        for (const n of [1, 2, 3]) await die(made, { n }, { mine: n }, `Error: ${n}`);
        const { dlq } = made.queue;
        const [first, second, ...rest] = await dlq.list();
        assert.equal(rest.length, 1);
        assert.deepEqual({ ...first, diedAt: null }, {
          id: 1,
          taskId: 1,
          task: { n: 1 },
          errors: ["Error: 1"],
          headers: { mine: 1 },
          diedAt: null,
        });
        assert.ok(first!.diedAt <= await backend.now());
        assert.deepEqual(await dlq.list({ limit: 1, after: 1 }), [second]);
        assert.deepEqual(await dlq.list({ after: 3 }), []);
      });

      it("of a queue without dead letters says so", async () => {
        const { queue } = await backend.make({ dlq: false });
        for (const call of [() => queue.dlq.list(), () => queue.redrive(1)]) {
          await assert.rejects(async () => await call(), {
            code: "MISSING_QUEUE",
            message: `Cannot use the dead letters of "${queue.name}" as the queue was defined ` +
              "with dlq: false",
          });
        }
      });
    });

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
