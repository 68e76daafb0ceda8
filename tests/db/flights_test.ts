import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { crashesOf } from "../../src/core/task.ts";
import { bury } from "../../src/db/dead.ts";
import { reap, rulesInForce } from "../../src/db/flights.ts";
import { complete, extend, putBack } from "../../src/db/settle.ts";
import { type Backend, backends, openBackend } from "../_support/backend.ts";
import { graveyard } from "../_support/burial.ts";
import { fly } from "../_support/crews.ts";
import { Python } from "../_support/python_rows.ts";
import { grouped, limited, type StrictQueue, strictQueue } from "../_support/strict_queue.ts";

for (const kind of backends) {
  describe(`tasks in flight on pgmq: ${kind}`, () => {
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

    const expire = (ids = "msg_id > 0") => queue.change(`vt = now() - interval '1 s' where ${ids}`);
    const headersOf = async (index = 0) => (await queue.rows())[index]!.headers;

    describe("a limit", () => {
      it("is used up and never exceeded", async () => {
        await queue.send(...Array(9));
        const { deliveries } = await queue.claim({ ...limited(4), limit: 3 });
        assert.deepEqual(deliveries.map(({ id }) => id), [1, 2, 3]);
        const rest = await queue.claim(limited(4));
        assert.deepEqual([rest.deliveries.map(({ id }) => id), rest.inFlight], [[4], 3]);
        assert.deepEqual(await queue.take(limited(4)), []);
        await queue.complete(deliveries.slice(0, 2));
        assert.deepEqual(await queue.take(limited(4)), [5, 6]);
      });

      it("holds for groups as well", async () => {
        await queue.send("a", "a", "b", "c");
        const rules = { rules: { ...grouped.rules, limit: 2 }, round: { place: "", end: "" } };
        const { deliveries } = await queue.claim(rules);
        assert.deepEqual(deliveries.map(({ id }) => id), [1, 3]);
        assert.deepEqual(await queue.take(rules), []);
        await queue.complete(deliveries);
        assert.deepEqual(await queue.take(rules), [2, 4]);
      });

      // Its own statements have no place in tables that newer functions of pgmq can't read.
      it("counts what workers in Python run", { skip: kind === "older" }, async () => {
        const python = new Python(backend.sql, queue.made.queue);
        await queue.send(...Array(6));
        const running = await python.take();
        assert.deepEqual(await queue.take(limited(3)), [2, 3]);
        assert.deepEqual(await queue.take(limited(3)), []);
        assert.equal(await python.processingCount(), 3);
        await python.complete(running);
        assert.deepEqual(await queue.take(limited(3)), [4]);
      });

      it("is the strictest of those with tasks in flight", async () => {
        await queue.send(...Array(9));
        const strict = await queue.claim({ ...limited(2), limit: 1 });
        assert.deepEqual(await queue.take(limited(5)), [2]);
        assert.deepEqual(await queue.take(limited(5)), []);
        await queue.complete(strict.deliveries);
        assert.deepEqual(await queue.take(limited(5)), [3, 4, 5, 6]);
        const { deliveries, inFlight } = await queue.claim(limited(2));
        assert.deepEqual([deliveries, inFlight], [[], 5]);
      });

      it("is told to others as the worker has it, not as it keeps to", async () => {
        await queue.send(...Array(3));
        const own = { ...limited(7).rules, grouped: true };
        await queue.claim({ ...limited(2), own, limit: 1 });
        assert.deepEqual(await rulesInForce(queue.made.site), { grouped: true, limit: 7 });
        await expire();
        assert.deepEqual(await rulesInForce(queue.made.site), { grouped: false, limit: undefined });
      });

      const rubbish = [
        null,
        5,
        "text",
        [],
        [1],
        { limit: 0 },
        { limit: -1 },
        { limit: 1.5 },
        { limit: "1e3" },
        { limit: 99999999999 },
        { limit: {}, grouped: [] },
        { limit: null, grouped: "yes" },
      ];
      it("is not what is rubbish in a header, but that task counts", async () => {
        await queue.send(...rubbish.map(() => undefined), undefined, undefined);
        for (const [i, rules] of rubbish.entries()) {
          await fly(queue, i + 1, { "x-pgtq-rules": rules });
        }
        assert.deepEqual(await rulesInForce(queue.made.site), { grouped: false, limit: undefined });
        const { deliveries, inFlight } = await queue.claim(limited(rubbish.length + 1));
        assert.deepEqual([deliveries.map(({ id }) => id), inFlight], [
          [rubbish.length + 1],
          rubbish.length,
        ]);
        await expire();
        assert.equal(await reap(queue.made.site), rubbish.length + 1);
        assert.equal((await queue.take(grouped)).length, 1);
      });
    });

    describe("a lease that has run out", () => {
      it("is reported, and its group waits until it is reaped; the old receipt is void", async () => {
        await queue.send("a", "a", "b");
        const { deliveries: [stale] } = await queue.claim({
          ...grouped,
          round: { place: "", end: "" },
          limit: 1,
        });
        await expire("msg_id = 1");
        const claim = await queue.claim(grouped);
        assert.deepEqual([claim.deliveries.map(({ id }) => id), claim.expired], [[3], true]);
        assert.equal(await reap(queue.made.site), 1);
        assert.deepEqual(await headersOf(), {
          "x-pgmq-group": "a",
          "x-pgtq-status": "queued",
          "x-pgtq-settled": 1,
        });
        const renewal = await extend(queue.made.site, [stale!], 60_000);
        assert.deepEqual(renewal, { held: new Set(), extended: new Set() });
        assert.deepEqual(await complete(queue.made.site, [stale!], true), new Set());
        assert.deepEqual(await queue.take(grouped), [1]);
      });

      it("is a crash like any other", async () => {
        await queue.send("a");
        const crashes: number[] = [];
        for (let n = 0; n < 4; n++) {
          const { deliveries: [delivery] } = await queue.claim(grouped);
          crashes.push(crashesOf(delivery!));
          await expire();
          assert.equal(await reap(queue.made.site), 1);
        }
        // Whose the first one was, nobody knows, until the second one has been ours.
        assert.deepEqual(crashes, [0, 0, 2, 3]);
      });

      it("counts for the limit until it is reaped, also where it was a Python worker's", async () => {
        await queue.send(...Array(4));
        await fly(queue, 1, {});
        assert.deepEqual(await queue.take(limited(2)), [2]);
        await expire();
        const { deliveries, expired, inFlight } = await queue.claim(limited(2));
        assert.deepEqual([deliveries, expired, inFlight], [[], true, 2]);
        assert.equal(await reap(queue.made.site), 2);
        assert.equal((await queue.take(limited(2))).length, 2);
      });

      it("is not taken back while somebody has the row locked, who is renewing or settling", async () => {
        await queue.send("a", "b");
        await queue.claim(grouped);
        await expire();
        await backend.sql.begin(async (tx) => {
          await tx.unsafe(
            `select from ${queue.made.site.tables.queue} where msg_id = 1 for update`,
          );
          assert.equal(await reap(queue.made.site), 1);
        });
        assert.equal(await reap(queue.made.site), 1);
        assert.equal(await reap(queue.made.site), 0);
      });

      it("is taken back only where it was given: others' rows stay as they are", async () => {
        await queue.send("a", "b", "c");
        await queue.claim({ ...grouped, round: { place: "", end: "" }, limit: 1 });
        const rows = await queue.rows();
        assert.equal(await reap(queue.made.site), 0);
        assert.deepEqual(await queue.rows(), rows);
      });
    });

    describe("what is settled", () => {
      const status = "x-pgtq-status";
      const takeOne = async () => {
        await queue.send("a");
        const { deliveries: [delivery] } = await queue.claim(grouped);
        assert.deepEqual(await headersOf(), {
          "x-pgmq-group": "a",
          [status]: "processing",
          "x-pgtq-rules": { grouped: true, lifo: false },
        });
        return delivery!;
      };
      const archived = async () => (await backend.rows(queue.made.site.tables.archive))[0]!.headers;

      it("is completed in the archive, and rules are gone", async () => {
        await queue.complete([await takeOne()]);
        assert.deepEqual(await archived(), { "x-pgmq-group": "a", [status]: "completed" });
      });

      for (const error of ["Error: no", null]) {
        it(`is queued again after a ${error ? "retry" : "release"}`, async () => {
          const task = { ...await takeOne(), delayMs: 0, error };
          await putBack(queue.made.site, [task], { wake: false });
          assert.deepEqual(await headersOf(), {
            "x-pgmq-group": "a",
            [status]: "queued",
            "x-pgtq-settled": 1,
            ...error ? { "x-pgtq-errors": [error] } : { "x-pgtq-releases": 1 },
          });
          assert.deepEqual(await queue.take(limited(1)), [1]);
        });
      }

      it("is cancelled without a trace of rules, once its lease has run out", async () => {
        await takeOne();
        await expire();
        assert.equal(await queue.made.queue.cancel(1), true);
        assert.deepEqual(await archived(), {
          "x-pgmq-group": "a",
          [status]: "failed",
          "x-pgtq-errors": ["Cancelled"],
        });
        await queue.send("a");
        assert.deepEqual(await queue.take({ rules: { ...grouped.rules, limit: 1 } }), [2]);
      });

      it("is failed in the archive, and its letter has what a redriven task needs", async () => {
        const { made } = queue;
        await bury(made.site, [{ ...await takeOne(), error: "Error: no" }], graveyard(made));
        assert.deepEqual(await archived(), {
          "x-pgmq-group": "a",
          [status]: "failed",
          "x-pgtq-errors": ["Error: no"],
          "x-pgtq-dlq": "1",
        });
        const [letter] = await backend.rows(made.letters.tables.queue);
        assert.deepEqual(letter!.headers, { "x-pgmq-group": "a" });
      });
    });
  });
}
