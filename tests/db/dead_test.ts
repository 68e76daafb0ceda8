import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { putBack } from "../../src/db/settle.ts";
import { bury } from "../../src/db/dead.ts";
import { die, fail, graveyard, take } from "../_support/burial.ts";
import {
  type Backend,
  backends,
  type Made,
  openBackend,
  type Options,
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
  });
}
