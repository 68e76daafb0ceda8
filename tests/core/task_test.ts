import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PgtqError } from "../../src/core/errors.ts";
import {
  attemptOf,
  crashesOf,
  type Delivery,
  errorsOf,
  groupOf,
  header,
  headersOf,
  passingHeaders,
  stableId,
  taskId,
} from "../../src/core/task.ts";

function delivery(deliveries: number, headers: Record<string, unknown> = {}): Delivery {
  return { id: 7, deliveries, headers, enqueuedAt: new Date(0), message: {} };
}

/** What a producer may have put where something else belongs. */
const junk: readonly unknown[] = [null, "", "text", 0, -3, 1.5, true, [], {}, [[]], { a: 1 }];

describe("task ids", () => {
  it("come as text or number", () => {
    assert.equal(taskId("42"), 42);
    assert.equal(taskId(42), 42);
    assert.equal(taskId("9007199254740991"), 2 ** 53 - 1);
  });

  for (const id of ["9007199254740992", "9223372036854775807", "x", undefined, NaN]) {
    it(`${id} is refused rather than rounded`, () => {
      assert.throws(() => taskId(id), (error) => {
        return error instanceof PgtqError && error.message.includes(String(id));
      });
    });
  }
});

describe("headers", () => {
  it("are an object or none", () => {
    assert.deepEqual(headersOf({ a: 1 }), { a: 1 });
    for (const value of [null, undefined, "text", 5, true, [], ["a"]]) {
      assert.deepEqual(headersOf(value), {});
    }
  });

  it("errors are texts, whatever the array holds", () => {
    const errors = ["first", 2, null, { a: 1 }];
    assert.deepEqual(errorsOf({ [header.errors]: errors }), [
      "first",
      "2",
      "null",
      "[object Object]",
    ]);
    for (const value of junk.filter((value) => !Array.isArray(value))) {
      assert.deepEqual(errorsOf({ [header.errors]: value }), []);
    }
  });

  it("a group is a string", () => {
    assert.equal(groupOf({ [header.group]: "vip" }), "vip");
    assert.equal(groupOf({}), undefined);
    for (const value of junk.filter((value) => typeof value !== "string")) {
      assert.equal(groupOf({ [header.group]: value }), undefined);
    }
  });

  it("of one life are all ours but the group, the keys and the root", () => {
    const lasting = Object.values(header).filter((name) => !passingHeaders.includes(name));
    assert.deepEqual(
      lasting.sort(),
      [header.group, header.keptKey, header.key, header.root].sort(),
    );
  });
});

describe("the number of an attempt", () => {
  it("is one more than that of failed attempts, however often it was delivered", () => {
    assert.equal(attemptOf(delivery(1)), 1);
    assert.equal(attemptOf(delivery(9)), 1);
    assert.equal(attemptOf(delivery(3, { [header.errors]: ["a", "b"] })), 3);
  });
});

describe("crashes", () => {
  const of = (crashes?: unknown) => crashesOf(delivery(9, { [header.crashes]: crashes }));

  it("are those that were noted, and the one that gave reason to note them", () => {
    assert.deepEqual([of(), of(0), of(1), of("4")], [0, 0, 2, 5]);
  });

  for (const value of [...junk, "-1", "1e9", "Infinity", -1000, 1e12, NaN]) {
    it(`are none if noted as ${JSON.stringify(value)}`, () => assert.equal(of(value), 0));
  }
});

describe("the stable id", () => {
  const of = (root?: unknown, original?: unknown) =>
    stableId(delivery(1, { [header.root]: root, [header.original]: original }));

  it("is the task's own, or that of the first task of its chain", () => {
    assert.equal(stableId(delivery(1)), "7");
    assert.equal(of("3"), "3");
    assert.equal(of("3", "5"), "3");
  });

  it("is that of the failed task where Python has redriven it", () => {
    assert.equal(of(undefined, "5"), "5");
    assert.equal(of(undefined, 5), "5");
  });

  for (const value of [...junk, "07", "1e3", "5\n", " 5", "1".repeat(19), 1e21, NaN]) {
    it(`is not ${JSON.stringify(value)}`, () => {
      assert.deepEqual([of(value), of(value, "5"), of(undefined, value)], ["7", "5", "7"]);
    });
  }
});
