import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createQueue } from "../mod.ts";

type Call = (options: never) => unknown;

/** Wrong options, and what the error must say. None of these gets as far as a database. */
function refuses(call: Call, cases: readonly (readonly [unknown, RegExp])[]) {
  for (const [options, message] of cases) {
    it(`refuses ${show(options)}`, async () => {
      await assert.rejects(async () => await call(options as never), (error) => {
        assert.ok(error instanceof TypeError, String(error));
        assert.match(error.message, message);
        return true;
      });
    });
  }
}

function show(options: unknown): string {
  return typeof options === "object"
    ? JSON.stringify(options, (_, value) => value === undefined ? "undefined" : value)
    : String(options);
}

const queue = createQueue("orders");

describe("createQueue", () => {
  refuses((options) => createQueue("orders", options), [
    [{ inpt: {} }, /^Unknown option inpt of queue "orders"$/],
    [{ input: {} }, /"orders": input must be a schema .*: current value is \{\}$/],
    [{ input: "string" }, /input must be a schema .*: current value is "string"$/],
    [{ group: "action" }, /group must be a function: current value is "action"$/],
    [{ archive: "90d" }, /archive must be .*: current value is "90d"$/],
    [{ archive: { ttl: "soon" } }, /archive must be .*: current value is \{"ttl":"soon"\}$/],
    [{ archive: { limit: -1 } }, /archive must be .*: current value is \{"limit":-1\}$/],
    [{ archive: { limit: 1.5 } }, /archive must be .*1\.5/],
    [{ archive: { days: 90 } }, /archive must be .*days/],
    [{ dlqArchive: 5 }, /dlqArchive must be .*: current value is 5$/],
    [{ dlq: 5 }, /dlq must be a boolean or a queue name: current value is 5$/],
    [null, /options of queue "orders" must be an object: current value is null$/],
    ["archive", /must be an object: current value is "archive"$/],
  ]);

  it("touches no database", () => {
    assert.equal(createQueue("nowhere").name, "nowhere");
  });
});

describe("enqueue", () => {
  refuses((options) => queue.enqueue(1, options), [
    [{ dely: 5 }, /^Unknown option dely of enqueue to "orders"$/],
    [{ delay: "soon" }, /enqueue to "orders": delay must be .*: current value is "soon"$/],
    [{ delay: -1 }, /delay must be .*: current value is -1$/],
    [{ at: "tomorrow" }, /at must be a valid Date: current value is "tomorrow"$/],
    [{ at: new Date(NaN) }, /at must be a valid Date: current value is Invalid Date$/],
    [{ group: 5 }, /group must be a string: current value is 5$/],
    [{ headers: "x" }, /headers must be an object: current value is "x"$/],
    [{ headers: { "x-pgtq-errors": [] } }, /x-pgtq-errors/],
    [{ headers: { mine: 1, "x-pgtq-new": 1 } }, /x-pgtq-new/],
    [{ headers: { mine: "a\0b" } }, /enqueue to "orders": headers: .*NUL/],
    [{ group: "a\0b" }, /enqueue to "orders": headers: .*NUL/],
    [{ sql: "postgres://" }, /sql must be a transaction: current value is "postgres:\/\/"$/],
    [null, /must be an object: current value is null$/],
  ]);

  it("refuses headers that are no JSON", async () => {
    await assert.rejects(queue.enqueue(1, { headers: { n: 1n } }), (error) => {
      return error instanceof TypeError && error.message.includes('enqueue to "orders": headers');
    });
  });
});

const limits = (where: string) =>
  [
    [{ limit: -1 }, /limit must be a whole number of at least 0: current value is -1$/],
    [{ limit: "5" }, /limit must be a whole number of at least 0: current value is "5"$/],
    [{ after: 0.5 }, /after must be a whole number of at least 0: current value is 0\.5$/],
    [{ befor: 1 }, new RegExp(`^Unknown option befor of list of ${where}$`)],
  ] as const;

describe("list", () => {
  refuses((options) => queue.list(options), [
    ...limits('"orders"'),
    [{ state: "bogus" }, /state must be one of queued, .*: current value is "bogus"$/],
    [{ state: "constructor" }, /state must be one of /],
  ]);
});

describe("dlq.list", () => {
  refuses((options) => queue.dlq.list(options), limits('the dead letters of "orders"'));
});

describe("redriveAll", () => {
  refuses((options) => queue.redriveAll(options), [
    [{ limit: 1.5 }, /limit must be a whole number.*: current value is 1\.5$/],
    [{ limit: NaN }, /limit must be a whole number.*: current value is NaN$/],
    [{ limits: 1 }, /^Unknown option limits of redriveAll of "orders"$/],
  ]);
});

describe("prune", () => {
  refuses((options) => queue.prune(options), [
    [{ batchSize: 0 }, /batchSize must be a whole number of at least 1: current value is 0$/],
    [{ batch: 5 }, /^Unknown option batch of prune of "orders"$/],
    [{ signal: true }, /signal must be an AbortSignal: current value is true$/],
  ]);
});

for (const name of ["cancel", "redrive"] as const) {
  describe(name, () => {
    const message = /^A task id must be a whole number: current value is /;
    refuses((id) => queue[name](id), ["5", 1.5, NaN, undefined, null].map((id) => [id, message]));
  });
}
