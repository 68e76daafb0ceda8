import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createQueue, PgtqError } from "../mod.ts";
import { fileDatabase } from "./_support/file_database.ts";

const database = fileDatabase();
const queue = createQueue("orders");

const long = "x".repeat(501);
const huge = "x".repeat(10_000_000);

async function refused(call: () => Promise<unknown>, message: RegExp) {
  await queue.create();
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof TypeError, String(error));
    assert.match(error.message, message);
    assert.ok(error.message.length < 300);
    return true;
  });
  assert.deepEqual(await queue.list(), []);
}

describe("the option key", () => {
  const where = /^Wrong option of enqueue to "orders": key must be a string of 1 to 500 characters/;
  for (const key of ["", long, huge, 5, null, {}, Symbol("key")]) {
    it(`is not ${String(key).slice(0, 20)}`, async () => {
      await refused(() => queue.enqueue(1, { key } as object), where);
    });
  }

  const of = /^Cannot enqueue to "orders" as the key of the task at index 1 must be a string of 1 /;
  for (const key of ["", long, huge, 5, null, {}, Promise.resolve("key")]) {
    it(`is no function that returns ${String(key).slice(0, 20)}`, async () => {
      const each = (task: unknown) => task === 1 ? "fine" : key;
      await refused(() => queue.enqueueMany([1, 2], { key: each } as object), of);
    });
  }

  it("says of one task that it is the task's", async () => {
    const message = /as the key of the task must be a string of .* current value is 5$/;
    await refused(() => queue.enqueue(1, { key: () => 5 } as object), message);
  });

  it("is text that Postgres can store", async () => {
    await refused(() => queue.enqueue(1, { key: "a\0b" }), /NUL/);
    await refused(() => queue.enqueue(1, { key: "\ud800" }), /surrogate/);
  });
});

describe("the option replace", () => {
  it("has one value, and needs a key", async () => {
    const value = /replace must be "payload": current value is "all"$/;
    await refused(() => queue.enqueue(1, { key: "a", replace: "all" } as object), value);
    await refused(() => queue.enqueue(1, { key: "a", replace: true } as object), /replace must be/);
    const alone = /^Wrong option of enqueue to "orders": replace needs a key$/;
    await refused(() => queue.enqueue(1, { replace: "payload" }), alone);
  });
});

describe("a group", () => {
  it("is a string of at most 500 characters", async () => {
    const message =
      /enqueue to "orders": group must be a string of at most 500 characters: current/;
    for (const group of [long, huge]) await refused(() => queue.enqueue(1, { group }), message);
    await refused(() => queue.enqueue(1, { group: null } as object), /group must be a string/);
  });

  for (const group of [5, null, {}, long, huge, ["a"], Promise.resolve("a")]) {
    it(`is a string from a function of the queue, too, not ${String(group).slice(0, 20)}`, async () => {
      const each = (task: unknown) => task === 2 ? group : "fine";
      const grouped = createQueue(queue.name, { group: each as () => string });
      await refused(
        () => grouped.enqueueMany([1, 2]),
        /^Cannot enqueue to "orders" as the group of the task at index 1 must be a string/,
      );
    });
  }

  it("may have 500 characters, or none", async () => {
    const grouped = await database.newQueue({ group: () => "g".repeat(500) });
    await grouped.enqueue(1);
    await grouped.enqueue(1, { group: "" });
    const groups = (await grouped.list()).map(({ group }) => group?.length);
    assert.deepEqual(groups, [500, 0]);
  });
});

describe("a queue that something else has created", () => {
  it("takes no keys until it has the index", async () => {
    await database.sql`select pgmq.create('bare queue')`;
    const bare = createQueue("bare queue");
    assert.equal(await bare.enqueue(1), 1);
    for (const replace of [undefined, "payload"] as const) {
      await assert.rejects(bare.enqueue(2, { key: "a", ...(replace && { replace }) }), (error) => {
        assert.ok(error instanceof PgtqError);
        assert.equal(error.code, "MISSING_INDEX");
        assert.equal(
          error.message,
          'Cannot enqueue to "bare queue" with a key as the queue lacks its index: ' +
            'run `pgtq create "bare queue"`',
        );
        return true;
      });
    }
    assert.equal(await bare.enqueue(1, { key: () => undefined }), 2);
    await bare.create();
    const id = await bare.enqueue(3, { key: "a" });
    assert.equal(await bare.enqueue(4, { key: "a" }), id);
  });

  it("that is not there is named", async () => {
    await assert.rejects(createQueue("nowhere").enqueue(1, { key: "a" }), {
      code: "MISSING_QUEUE",
      message: /"nowhere" doesn't exist: run `pgtq create nowhere`$/,
    });
  });
});

it("keys may follow from tasks of any type", async () => {
  const mails = await database.newQueue<{ to: string }>();
  const tasks = [{ to: "ada" }, { to: "bob" }, { to: "ada" }];
  const [ada, bob, again] = await mails.enqueueMany(tasks, { key: ({ to }) => to });
  assert.deepEqual([again, ada !== bob], [ada, true]);
  // @ts-expect-error: no such field
  void (() => mails.enqueue({ to: "ada" }, { key: (mail) => mail.too }));
  // @ts-expect-error: a key is a string
  void (() => mails.enqueue({ to: "ada" }, { key: () => 5 }));
});
