import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createQueue, PgtqError } from "../../mod.ts";
import { tablesOf } from "../../src/db/tables.ts";
import { type Backend, openBackend } from "../_support/backend.ts";

const good: readonly string[] = [
  "a",
  "user_actions",
  "with-hyphens",
  "with spaces",
  " ",
  "Capitals",
  "SELECT",
  "1",
  "a.b/c:d",
  "back\\slash",
  "100%s",
  "/* comment */",
  "line\nbreak",
  "größe",
  "キュー",
  "📮",
  "x".repeat(43), // and four more for the dead letters
];

const bad: readonly [unknown, RegExp][] = [
  ["", /it is empty$/],
  ["it's", /it must not contain '$/],
  ['q"', /it must not contain "$/],
  ["q;", /it must not contain ;$/],
  ["q--", /it must not contain --$/],
  ["$$", /it must not contain \$$/],
  ["q\0", /it must not contain NUL$/],
  ['x"; drop table users; --', /it must not contain "$/],
  ["x".repeat(80), /it must be at most 47 bytes long: it has 80$/],
  ["ü".repeat(24), /it must be at most 47 bytes long: it has 48$/],
  ["GRÖSSE", /it must not mix capitals with letters outside ASCII$/],
  ["\ud800", /it must not contain half a surrogate pair$/],
  [5, /it must be a string$/],
  [undefined, /it must be a string$/],
  [null, /it must be a string$/],
];

describe("names of tables", () => {
  it("are quoted and lower-cased like pgmq's", () => {
    assert.deepEqual(tablesOf("My Queue"), {
      name: "My Queue",
      queue: 'pgmq."q_my queue"',
      archive: 'pgmq."a_my queue"',
      channel: "pgmq.q_my queue.INSERT",
    });
  });

  it("may be 47 bytes long", () => {
    assert.equal(tablesOf("x".repeat(47)).name.length, 47);
    assert.throws(() => tablesOf("x".repeat(48)), { code: "INVALID_NAME" });
  });

  for (const [name, message] of bad) {
    it(`${JSON.stringify(name)} is refused with a reason`, () => {
      for (const call of [() => tablesOf(name as string), () => createQueue(name as string)]) {
        assert.throws(call, (error) => {
          assert.ok(error instanceof PgtqError);
          assert.equal(error.code, "INVALID_NAME");
          assert.match(error.message, message);
          assert.doesNotMatch(error.message, /\0/);
          return true;
        });
      }
    });
  }

  it("of dead letters are checked as well", () => {
    for (const dlq of ["", "it's", "x".repeat(48)]) {
      assert.throws(() => createQueue("orders", { dlq }), { code: "INVALID_NAME" });
    }
    assert.throws(() => createQueue("x".repeat(44)), { code: "INVALID_NAME", message: /_dlq/ });
    createQueue("x".repeat(44), { dlq: false });
  });

  it("of dead letters are not those of the queue itself", () => {
    for (const dlq of ["orders", "ORDERS"]) {
      assert.throws(() => createQueue("orders", { dlq }), { code: "INVALID_NAME" });
    }
  });
});

for (const kind of ["ours", "genuine"] as const) {
  describe(`queues of any name on pgmq: ${kind}`, () => {
    let backend: Backend;

    before(async () => {
      backend = await openBackend(kind);
    });
    after(() => backend?.[Symbol.asyncDispose]());

    for (const name of good) {
      it(`${JSON.stringify(name)} works from creation to drop`, async () => {
        const { queue } = await backend.make({}, name);
        await queue.create();
        await queue.enqueueMany([1, 2]);
        assert.equal(await queue.cancel(1), true);
        assert.equal((await queue.list()).length, 1);
        const { queued, archived, dead } = await queue.stats();
        assert.deepEqual([queued, archived, dead], [1, 1, 0]);
        assert.deepEqual(await queue.dlq.list(), []);
        assert.equal(await queue.redriveAll(), 0);
        assert.equal(await queue.prune(), 0);
        assert.equal(await queue.purge(), 1);
        assert.equal(await queue.drop(), true);
        const { length } = await backend.sql`select from pgmq.meta where queue_name = ${name}`;
        assert.equal(length, 0);
      });
    }

    it("a queue can be dropped under another spelling of its name", async () => {
      const { queue } = await backend.make({}, "Upper");
      assert.equal(await createQueue("upper").drop(), true);
      assert.equal(await queue.drop(), false);
    });

    it("one queue answers to all spellings of its name", async () => {
      const { queue } = await backend.make({}, "Mixed");
      const lower = createQueue("mixed");
      await lower.create();
      await queue.enqueue(1);
      assert.equal((await lower.list()).length, 1);
      assert.equal(await lower.drop(), true);
      await assert.rejects(queue.enqueue(2), { code: "MISSING_QUEUE" });
      const { length } = await backend.sql`
        select from pgmq.meta where lower(queue_name) like 'mixed%'`;
      assert.equal(length, 0);
    });
  });
}
