import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { claim } from "../../src/db/claim.ts";
import { complete, putBack } from "../../src/db/settle.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";
import { fail, take } from "../_support/burial.ts";

interface Body {
  readonly key?: string;
  readonly n: number;
}

/** Takes the key out of the body. */
const key = (task: unknown) => (task as Body).key;

for (const kind of backends) {
  describe(`keys on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const rows = () => backend.rows(made.site.tables.queue);
    const bodies = async () => (await rows()).map(({ message }) => message);
    const replace = "payload";

    describe("a key", () => {
      it("lets one task in at a time: the second enqueue returns the first one's id", async () => {
        const { queue } = made;
        assert.equal(await queue.enqueue(1, { key: "a", headers: { mine: true } }), 1);
        const before = await rows();
        assert.equal(await queue.enqueue(2, { key: "a", delay: 60, group: "g" }), 1);
        assert.deepEqual(await rows(), before);
        assert.deepEqual(before[0]?.headers, { mine: true, "x-pgtq-key": "a" });
        assert.notEqual(await queue.enqueue(3, { key: "A" }), 1);
        assert.deepEqual(await bodies(), [1, 3]);
      });

      it("leaves the row that has it alone, so that claims don't find it locked", async () => {
        const version = () =>
          backend.sql.unsafe(`select ctid::text, xmax::text from ${made.site.tables.queue}`);
        await made.queue.enqueue(1, { key: "a" });
        const before = await version();
        await made.queue.enqueue(2, { key: "a" });
        assert.deepEqual(await version(), before);
      });

      it("is whatever text Postgres can store", async () => {
        const keys = ["it's", '"\\', "--;$1", " ", "😀".repeat(250), "é".repeat(500)];
        const send = () => Promise.all(keys.map((key) => made.queue.enqueue(1, { key })));
        const ids = await send();
        assert.equal(new Set(ids).size, keys.length);
        assert.deepEqual(await send(), ids);
      });

      it("counts while the task is delayed, runs, or waits for its next attempt", async () => {
        const { queue } = made;
        const again = () => queue.enqueue("again", { key: "a" });
        await queue.enqueue("first", { key: "a", delay: 60 });
        assert.equal(await again(), 1);
        await backend.sql.unsafe(`update ${made.site.tables.queue} set vt = now()`);
        const [task] = await take(made);
        assert.equal(await again(), 1);
        await putBack(made.site, [{ ...task!, delayMs: 0, error: "no" }], { wake: false });
        assert.equal(await again(), 1);
        assert.deepEqual(await bodies(), ["first"]);
      });

      it("is free again once its task is finished, cancelled or dead", async () => {
        const { queue, site } = made;
        const send = () => queue.enqueue(1, { key: "a" });
        const first = await send();
        await complete(site, await take(made), true);
        const second = await send();
        assert.ok(second > first);
        assert.equal(await queue.cancel(second), true);
        const third = await send();
        assert.ok(third > second);
        await fail(made);
        assert.ok(await send() > third);
        assert.equal((await rows()).length, 1);
      });

      it("wakes workers if it changes what waits, as they have passed it over meanwhile", async () => {
        const heard: string[] = [];
        const { tables } = made.site;
        await backend.sql.listen(tables.channel, () => heard.push("task"));
        await backend.sql.listen("fence", (text) => heard.push(text));
        for (const key of ["a", "a", "b"]) {
          await made.queue.enqueue(1, { key });
          await backend.sql.notify("fence", key);
          await made.queue.enqueue(2, { key, replace });
        }
        await backend.sql.notify("fence", "end");
        while (heard.at(-1) !== "end") await backend.sql`select 1`;
        const replaced = "task";
        assert.deepEqual(heard, ["task", "a", replaced, "a", replaced, "b", replaced, "end"]);
      });
    });

    describe("keys in a batch", () => {
      it("let one task each in, with ids in the order of the tasks", async () => {
        const { queue } = made;
        await queue.enqueue({ n: 0 }, { key: "old" });
        const keys = [undefined, "a", "old", undefined, "b", "a", undefined, "b"];
        const tasks = keys.map((key, n) => ({ n, ...(key && { key }) }));
        const ids = await queue.enqueueMany(tasks, { key });
        const stored = new Map((await rows()).map((row) => [Number(row.msg_id), row.message]));
        assert.equal(stored.size, 6);
        const found = ids.map((id) => (stored.get(id) as Body).n);
        assert.deepEqual(found, [0, 1, 0, 3, 4, 1, 6, 4]);
        const rising = [0, 1, 3, 4, 6].map((place) => ids[place]!);
        assert.deepEqual(rising, rising.toSorted((a, b) => a - b));
      });

      it("hold across the statements of a batch", async () => {
        const tasks = Array.from({ length: 2500 }, (_, n) => ({ n, key: `key ${n % 1200}` }));
        const ids = await made.queue.enqueueMany(tasks, { key });
        assert.deepEqual(ids.slice(1200, 2400), ids.slice(0, 1200));
        assert.deepEqual(ids.slice(2400), ids.slice(0, 100));
        assert.deepEqual(await bodies(), tasks.slice(0, 1200));
        assert.deepEqual(await made.queue.enqueueMany(tasks, { key }), ids);
        assert.equal((await rows()).length, 1200);
      });

      it("may be a function's that has none for any task, or one for all", async () => {
        const tasks = Array.from({ length: 3 }, (_, n) => ({ n }));
        assert.deepEqual(await made.queue.enqueueMany(tasks, { key }), [1, 2, 3]);
        const [id, ...others] = await made.queue.enqueueMany(tasks, { key: "a" });
        assert.deepEqual(others, [id, id]);
        assert.deepEqual(await made.queue.enqueueMany([], { key: "a" }), []);
        assert.deepEqual((await rows()).map(({ headers }) => headers), [
          null,
          null,
          null,
          { "x-pgtq-key": "a" },
        ]);
      });
    });

    describe("replace", () => {
      it("gives a task that has not started the new body, and nothing else", async () => {
        const { queue } = made;
        await queue.enqueue(1, { key: "a", group: "g", delay: 60 });
        const [before] = await rows();
        assert.equal(await queue.enqueue(2, { key: "a", replace, headers: { mine: 1 } }), 1);
        assert.deepEqual(await rows(), [{ ...before, message: 2 }]);
        assert.notEqual(await queue.enqueue(3, { key: "b", replace }), 1);
        assert.deepEqual(await bodies(), [2, 3]);
      });

      it("of a task that has started changes nothing, until it is given back unstarted", async () => {
        const { queue, site } = made;
        await queue.enqueue(1, { key: "a" });
        const release = { delayMs: 0, error: null };
        const [first] = await take(made);
        assert.equal(await queue.enqueue(2, { key: "a", replace }), 1);
        assert.deepEqual(await bodies(), [1]);
        await putBack(site, [{ ...first!, ...release }], { wake: false });
        assert.equal(await queue.enqueue(3, { key: "a", replace }), 1);
        assert.deepEqual(await bodies(), [3]);
        const [second] = await take(made);
        await putBack(site, [{ ...second!, ...release, error: "no" }], { wake: false });
        assert.equal(await queue.enqueue(4, { key: "a", replace }), 1);
        assert.deepEqual(await bodies(), [3]);
      });

      it("in a batch takes the last body, and all else from the first task", async () => {
        made = await backend.make({ group: (task: unknown) => `g${(task as Body).n}` });
        const { queue } = made;
        await queue.enqueue({ n: -1 }, { key: "old" });
        const keys = ["a", undefined, "old", "b", "a", "old"];
        const tasks = keys.map((key, n) => ({ n, ...(key && { key }) }));
        const ids = await queue.enqueueMany(tasks, { key, replace });
        assert.deepEqual([ids[4], ids[2], ids[5]], [ids[0], 1, 1]);
        const numbers = (await bodies()).map((body) => (body as Body).n);
        assert.deepEqual(numbers, [5, 4, 1, 3]);
        const groups = (await rows()).map(({ headers }) => headers?.["x-pgmq-group"]);
        assert.deepEqual(groups, ["g-1", "g0", "g1", "g3"]);
      });

      it("of a task with a claim under way is decided by who comes first", async () => {
        for (let n = 0; n < 20; n++) {
          const id = await made.queue.enqueue("old", { key: `${n}` });
          const claiming = claim(made.site, { limit: 1, leaseMs: 60_000 });
          assert.equal(await made.queue.enqueue("new", { key: `${n}`, replace }), id);
          const { deliveries: [task] } = await claiming;
          const row = (await rows()).find(({ msg_id }) => msg_id === `${id}`);
          if (task) assert.equal(task.message, row?.message);
          else assert.equal(row?.message, "new");
          await complete(made.site, task ? [task] : await take(made), false);
        }
      });
    });
  });
}
