import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { Delivery } from "../../src/core/task.ts";
import { type Crew, reap } from "../../src/db/flights.ts";
import { extend, putBack } from "../../src/db/settle.ts";
import { type Backend, backends, openBackend } from "../_support/backend.ts";
import { counted, fly } from "../_support/crews.ts";
import { Python } from "../_support/python_rows.ts";
import { grouped, limited, type StrictQueue, strictQueue } from "../_support/strict_queue.ts";

const ada = (seats: number): Crew => ({ worker: "ada", seats });
const bob = (seats: number): Crew => ({ worker: "bob", seats });

for (const kind of backends) {
  describe(`a crew on pgmq: ${kind}`, () => {
    let backend: Backend;
    let queue: StrictQueue;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      queue = await strictQueue(backend);
    });
    afterEach(() => queue[Symbol.asyncDispose]());
    after(() => backend?.[Symbol.asyncDispose]());

    const claim = (limit: number, crew?: Crew, tasks = 100) =>
      queue.claim({ ...limited(limit), crew, limit: tasks });
    const count = async (...claiming: Parameters<typeof claim>) =>
      (await claim(...claiming)).deliveries.length;
    /** Of a worker's tasks this many are left, and of all this many count. */
    const settle = async (deliveries: readonly Delivery[], left: number) => {
      assert.ok(deliveries.length > left);
      await queue.complete(deliveries.slice(left));
      return await counted(queue);
    };

    describe("with room for all its seats", () => {
      it("takes as many tasks as it asks for, and only its seats count", async () => {
        await queue.send(...Array(60));
        assert.equal(await count(3, ada(3), 50), 50);
        assert.equal(await counted(queue), 3);
        assert.equal(await count(3, ada(3), 5), 5);
        const { deliveries, inFlight } = await claim(3, ada(3));
        assert.deepEqual([deliveries.length, inFlight], [5, 3]);
      });

      it("counts with what it holds where that is less than its seats", async () => {
        await queue.send(...Array(60));
        assert.equal(await count(10, ada(4), 2), 2);
        assert.equal(await counted(queue), 2);
        assert.equal((await claim(10, bob(3), 1)).inFlight, 2);
      });

      it("needs no more than that: the limit may be all of them, or others have the rest", async () => {
        await queue.send(...Array(60));
        assert.equal(await count(5, ada(2), 20), 20);
        assert.equal(await count(5, bob(3), 20), 20);
        assert.equal(await counted(queue), 5);
        assert.equal(await count(5, ada(2), 9), 9);
        assert.equal(await count(5, bob(3), 9), 9);
        assert.equal(await count(5, { worker: "eve", seats: 1 }), 0);
      });
    });

    describe("without that room", () => {
      it("gets nothing while another one holds the limit, however far ahead", async () => {
        await queue.send(...Array(60));
        await claim(3, ada(3), 50);
        const { deliveries, more, inFlight } = await claim(3, bob(3));
        assert.deepEqual([deliveries, more, inFlight], [[], false, 3]);
      });

      it("gets what the other one's tasks leave once they are fewer than its seats", async () => {
        await queue.send(...Array(60));
        const { deliveries } = await claim(3, ada(3), 20);
        assert.equal(await settle(deliveries.slice(3), 0), 3);
        assert.equal(await count(3, bob(3)), 0);
        assert.equal(await settle(deliveries.slice(0, 3), 2), 2);
        assert.equal(await count(3, bob(3)), 1);
        assert.equal(await count(3, bob(3)), 0);
        // Nor does the first one get ahead again: it has two of three, and may keep two.
        assert.equal(await count(3, ada(3)), 0);
        assert.equal(await settle(deliveries.slice(0, 2), 1), 2);
        assert.equal(await count(3, ada(3)), 1);
        assert.equal(await counted(queue), 3);
      });

      it("fills it task by task: with seats for more than is free nothing goes ahead", async () => {
        await queue.send(...Array(60));
        assert.equal(await count(4, ada(9), 100), 4);
        assert.equal(await count(4, ada(9), 100), 0);
        assert.equal(await count(6, ada(9), 1), 0); // the limit of tasks in flight is four
      });

      it("gets ahead once the others have left the room", async () => {
        await queue.send(...Array(60));
        const { deliveries } = await claim(3, ada(1), 20);
        assert.equal(await count(3, bob(3)), 2);
        await settle(deliveries, 0);
        assert.equal(await count(3, bob(3), 20), 20);
        assert.equal(await counted(queue), 3);
      });

      it("shares a limit of 15 with another one, of 10 seats each", async () => {
        await queue.send(...Array(200));
        const first = await claim(15, ada(10), 40);
        assert.equal(first.deliveries.length, 40);
        const second = await claim(15, bob(10), 40);
        assert.equal(second.deliveries.length, 5);
        assert.equal(await counted(queue), 15);
        assert.equal(await count(15, ada(10), 40), 40);
        await queue.complete(second.deliveries.slice(2));
        assert.equal(await count(15, bob(10), 40), 3);
        assert.equal(await count(15, bob(10), 40), 0);
        assert.equal(await counted(queue), 15);
      });
    });

    describe("counts each task of", () => {
      it("workers that don't say who they are", async () => {
        await queue.send(...Array(60));
        assert.equal(await count(5, undefined, 3), 3);
        assert.equal(await counted(queue), 3);
        assert.equal(await count(5, ada(3)), 2);
        assert.equal(await count(5), 0);
        assert.equal(await count(7), 0); // the limit in force is five
      });

      it("two of them together, as nobody can tell them apart", async () => {
        await queue.send(...Array(60));
        const { deliveries } = await claim(5, undefined, 3);
        assert.equal(await count(5), 2);
        await queue.complete(deliveries);
        assert.equal(await count(5, ada(3), 20), 20);
        assert.equal(await count(5), 0);
      });

      // Its own statements have no place in tables that newer functions of pgmq can't read.
      it("workers in Python", { skip: kind === "older" }, async () => {
        await queue.send(...Array(60));
        const python = new Python(backend.sql, queue.made.queue);
        const running = [await python.take(), await python.take()];
        assert.equal(await count(4, ada(3)), 2);
        assert.equal(await count(4, ada(3)), 0);
        await python.complete(running[0]!);
        assert.equal(await count(4, ada(3), 20), 20);
        assert.equal(await counted(queue), 4);
      });
    });

    it("keeps to the strictest limit of those with tasks in flight, not to its own", async () => {
      await queue.send(...Array(60));
      const { deliveries } = await queue.claim({ ...limited(3), crew: ada(1), limit: 5 });
      assert.equal(await count(9, bob(4)), 2);
      assert.equal(await count(9, bob(4)), 0);
      assert.equal(await count(9, { worker: "eve", seats: 1 }), 0);
      await queue.complete(deliveries);
      assert.equal(await count(9, bob(4), 20), 20);
    });

    it("goes ahead where groups wait, with one task of each", async () => {
      const groups = Array.from({ length: 12 }, (_, n) => `group ${n}`);
      await queue.send(...groups, ...groups);
      const rules = { rules: { ...grouped.rules, limit: 2 } };
      const { deliveries } = await queue.claim({ ...rules, crew: ada(2) });
      assert.equal(new Set(deliveries.map(({ headers }) => headers["x-pgmq-group"])).size, 12);
      assert.equal(deliveries.length, 12);
      assert.equal((await queue.take({ ...rules, crew: bob(1) })).length, 0);
      await queue.complete(deliveries.slice(1));
      assert.equal((await queue.take({ ...rules, crew: bob(2) })).length, 1);
      assert.equal((await queue.take({ ...rules, crew: ada(2) })).length, 0);
      assert.equal(await counted(queue), 2);
    });

    it("counts with its seats after a crash until its tasks are taken back, however many", async () => {
      await queue.send(...Array(60));
      const { deliveries } = await claim(3, ada(2), 30);
      await queue.change("vt = now() - interval '1 second' where read_ct = 1");
      const { deliveries: meanwhile, expired } = await claim(3, bob(2), 100);
      assert.deepEqual([meanwhile.length, expired], [1, true]);
      assert.equal(await reap(queue.made.site), 30);
      assert.equal(await counted(queue), 1);
      assert.equal(await count(3, bob(2), 20), 20);
      assert.deepEqual(await extend(queue.made.site, deliveries, 1000), {
        held: new Set(),
        extended: new Set(),
      });
    });

    it("gives back what it took ahead, and another one goes ahead with it", async () => {
      await queue.send(...Array(20));
      const { deliveries } = await claim(2, ada(2));
      const back = deliveries.map((task) => ({ ...task, delayMs: 0, error: null }));
      await putBack(queue.made.site, back.slice(1), { wake: false });
      assert.equal(await counted(queue), 1);
      assert.equal(await count(2, bob(2)), 1);
      await putBack(queue.made.site, back.slice(0, 1), { wake: false });
      assert.equal(await count(2, bob(2)), 19);
      const names = (await queue.rows()).map((row) => row.headers?.["x-pgtq-rules"]);
      assert.deepEqual(new Set(names.map((rules) => (rules as Crew).worker)), new Set(["bob"]));
    });

    describe("is not misled by rubbish in headers:", () => {
      const rubbish = ["x", "", "1e3", "-1", -1, 0, 1.5, 1e9, 99999999999, null, true, [], [1], {}];
      for (const worker of [7, {}, ["ada"], true, "", "eve"]) {
        it(`seats of ${JSON.stringify(worker)}`, async () => {
          await queue.send(...rubbish.flatMap(() => [undefined, undefined]), ...Array(9));
          for (const [i, seats] of rubbish.entries()) {
            await fly(queue, 2 * i + 1, { "x-pgtq-rules": { worker, seats } });
            await fly(queue, 2 * i + 2, { "x-pgtq-rules": { worker } });
          }
          const { deliveries, inFlight } = await claim(2 * rubbish.length + 2, ada(3));
          assert.deepEqual([deliveries.length, inFlight], [2, 2 * rubbish.length]);
        });
      }

      it("rules that are no object", async () => {
        const rules = ["ada", 1, null, true, ["worker", "ada"], [{ worker: "ada", seats: 1 }]];
        await queue.send(...rules.map(() => undefined), ...Array(9));
        for (const [i, rule] of rules.entries()) await fly(queue, i + 1, { "x-pgtq-rules": rule });
        assert.equal(await count(rules.length + 1, ada(2)), 1);
      });
    });
  });
}
