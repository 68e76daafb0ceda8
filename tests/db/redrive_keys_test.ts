import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { createQueue, PgtqError } from "../../mod.ts";
import { complete } from "../../src/db/settle.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";
import { blocked } from "../_support/blocked.ts";
import { die, take } from "../_support/burial.ts";

for (const kind of backends) {
  describe(`redriving tasks with keys on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const dead = (n: unknown, key?: string) =>
      die(made, n, key ? { "x-pgtq-key": key } : undefined);
    const bodies = async () => {
      return (await backend.rows(made.site.tables.queue)).map(({ message }) => message);
    };
    const letters = async () => (await made.queue.dlq.list()).map(({ task }) => task);
    /** Puts letters in: a key for each. */
    const bury = (count: number, key: string) =>
      backend.sql.unsafe(`
        insert into ${made.letters.tables.queue} (vt, message, headers)
        select now(), jsonb_build_object('msg_id', n, 'queue_name', '${made.queue.name}',
          'message', n, 'errors', '[]'::jsonb), jsonb_build_object('x-pgtq-kept-key', ${key})
        from generate_series(1, ${count}) n`);

    it("gives the new task its key again", async () => {
      await dead("a", "a");
      const id = await made.queue.redrive(1);
      assert.equal(await made.queue.enqueue("other", { key: "a" }), id);
      assert.deepEqual(await bodies(), ["a"]);
    });

    it("works for letters of one key in a dead letter queue that was created as a queue", async () => {
      await createQueue(made.letters.tables.name).create();
      await dead("a1", "a");
      await dead("a2", "a");
      const listed = await made.queue.dlq.list();
      assert.deepEqual(listed.map(({ headers }) => headers["x-pgtq-key"]), ["a", "a"]);
      assert.equal(await made.queue.redriveAll(), 1);
      assert.deepEqual([await bodies(), await letters()], [["a1"], ["a2"]]);
    });

    it("is refused while another task has the key, which is named; the letter stays", async () => {
      await dead("dead", "a");
      const id = await made.queue.enqueue("alive", { key: "a" });
      const before = await backend.rows(made.letters.tables.queue);
      await assert.rejects(made.queue.redrive(1), (error) => {
        assert.ok(error instanceof PgtqError);
        assert.equal(error.code, "KEY_TAKEN");
        const what = `Cannot redrive dead letter 1 to "${made.queue.name}"`;
        assert.equal(error.message, `${what} as task ${id} has its key "a"`);
        return true;
      });
      assert.deepEqual(await backend.rows(made.letters.tables.queue), before);
      assert.deepEqual(await backend.rows(made.letters.tables.archive), []);
      assert.deepEqual(await bodies(), ["alive"]);
      await complete(made.site, await take(made), true);
      assert.ok(await made.queue.redrive(1));
      assert.deepEqual([await bodies(), await letters()], [["dead"], []]);
    });

    it("waits for a producer of the key, and loses no letter to it", async () => {
      for (const commit of [false, true]) {
        await dead("dead", "a");
        const [letter] = await made.queue.dlq.list();
        let redriven: Promise<unknown> | undefined;
        const producing = backend.sql.begin(async (sql) => {
          await made.queue.enqueue("alive", { key: "a", sql });
          redriven = made.queue.redrive(letter!.id).catch((error) => error.message);
          await blocked(backend.sql);
          if (!commit) throw new Error("rolled back");
        });
        await producing.catch(() => {});
        if (commit) assert.match(String(await redriven), /as task \d+ has its key "a"$/);
        else assert.equal(typeof await redriven, "number");
        assert.deepEqual(await bodies(), [commit ? "alive" : "dead"]);
        assert.deepEqual(await letters(), commit ? ["dead"] : []);
        await complete(made.site, await take(made), true);
      }
    });

    it("of all leaves the letters whose key is taken, and of two with one key the younger", async () => {
      for (const [n, key] of [[1, "a"], [2, "b"], [3], [4, "b"], [5, "c"]] as const) {
        await dead(n, key);
      }
      await made.queue.enqueue("alive", { key: "a" });
      assert.equal(await made.queue.redriveAll(), 3);
      assert.deepEqual(await bodies(), ["alive", 2, 3, 5]);
      assert.deepEqual(await letters(), [1, 4]);
      assert.equal(await made.queue.redriveAll(), 0);
      assert.equal((await backend.rows(made.letters.tables.archive)).length, 3);
    });

    it("of all counts up to the limit those that are redriven", async () => {
      for (const n of [1, 2, 3, 4, 5]) await dead(n, n < 3 ? "a" : undefined);
      await made.queue.enqueue("alive", { key: "a" });
      assert.equal(await made.queue.redriveAll({ limit: 2 }), 2);
      assert.deepEqual(await letters(), [1, 2, 5]);
    });

    it("of all goes on behind more letters that stay than fit into a statement", async () => {
      await made.queue.enqueue("alive", { key: "a" });
      await bury(2500, "case when n > 2400 then n::text else 'a' end");
      assert.equal(await made.queue.redriveAll({ limit: 30 }), 30);
      assert.equal(await made.queue.redriveAll(), 70);
      assert.equal(await made.queue.redriveAll(), 0);
      assert.equal((await backend.rows(made.letters.tables.queue)).length, 2400);
    });

    it("races with producers, batches and itself without a deadlock or a loss", async () => {
      const { queue } = made;
      const keys = Array.from({ length: 500 }, (_, n) => n + 1);
      await bury(1000, "((n - 1) % 500 + 1)::text");
      const produce = (tasks: number[]) => queue.enqueueMany(tasks, { key: String });
      const one = async (id: number) => {
        await queue.redrive(id).catch((error) => assert.equal(error.code, "KEY_TAKEN"));
      };
      await Promise.all([
        queue.redriveAll(),
        produce(keys.toReversed()),
        queue.redriveAll(),
        ...[5, 400, 600, 300].map(one),
        ...[6, 450, 20].map((n) => queue.enqueue(n, { key: String })),
      ]);
      const alive = await backend.rows(made.site.tables.queue);
      const redriven = alive.filter(({ headers }) => headers?.["x-pgtq-original"]).length;
      assert.equal(alive.length, 500);
      const left = (await backend.rows(made.letters.tables.queue)).length;
      const archived = (await backend.rows(made.letters.tables.archive)).length;
      assert.deepEqual([left + redriven, archived], [1000, redriven]);
    });

    it("needs no index where the queue has none", async () => {
      await dead("dead", "a");
      await backend.sql.unsafe(`drop index ${made.site.tables.queue.replace(/"$/, '_pgtq_key"')}`);
      assert.equal(await made.queue.redriveAll(), 1);
      assert.deepEqual(await bodies(), ["dead"]);
    });
  });
}
