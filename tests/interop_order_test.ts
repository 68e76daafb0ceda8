import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type ProcessorOptions, type Queue, type TaskContext, Worker } from "../mod.ts";
import { fileDatabase } from "./_support/file_database.ts";
import { Python } from "./_support/python_rows.ts";

interface Task {
  n: number;
}

const database = fileDatabase();

/** A queue that a Python service uses, too, with tasks of Python's in these groups. */
async function shared(...groups: (string | undefined)[]) {
  const queue = await database.newQueue<Task>();
  const python = new Python(database.sql, queue);
  for (const [at, group] of groups.entries()) await python.enqueue({ n: at + 1 }, group);
  return { queue, python };
}

/** Processes what may be begun now; returns the ids in the order they were begun. */
async function drained(
  queue: Queue<Task>,
  options: ProcessorOptions,
  handler: (task: Task, context: TaskContext) => unknown = () => {},
): Promise<number[]> {
  const ids: number[] = [];
  const begin = (task: Task, context: TaskContext) => {
    ids.push(context.id);
    return handler(task, context);
  };
  await using worker = new Worker({
    processors: [processor(queue, options, begin)],
    concurrencyLimit: 4,
  });
  await worker.drain();
  return ids;
}

describe("a concurrency limit shared with Python", () => {
  it("counts what Python works on", async () => {
    const { queue, python } = await shared(undefined, undefined);
    const id = await python.take();
    assert.deepEqual(await drained(queue, { concurrencyLimit: 1 }), []);
    await python.complete(id);
    assert.deepEqual(await drained(queue, { concurrencyLimit: 1 }), [2]);
  });

  it("leaves us the rest", async () => {
    const { queue, python } = await shared(undefined, undefined, undefined, undefined);
    await python.take();
    const counts: number[] = [];
    const ids = await drained(queue, { concurrencyLimit: 2 }, async () => {
      counts.push(await python.processingCount());
    });
    assert.deepEqual([ids, counts], [[2, 3, 4], [2, 2, 2]]);
  });

  it("counts it only until its visibility timeout is over", async () => {
    const { queue, python } = await shared(undefined, undefined);
    await python.elapse(await python.take());
    const ids = await drained(queue, { concurrencyLimit: 1 });
    assert.deepEqual(ids.sort(), [1, 2]);
  });

  it("doesn't count what waits for a retry, or what Python had no room for", async () => {
    const { queue, python } = await shared(undefined, undefined, undefined);
    await python.retry(await python.take(), "boom");
    await python.read();
    assert.deepEqual(await drained(queue, { concurrencyLimit: 1 }), [3]);
  });

  it("is full for Python while we work, and no longer", async () => {
    const { queue, python } = await shared(undefined);
    let count = 0;
    await drained(queue, { concurrencyLimit: 1, maxRetries: 1, retryDelay: 60 }, async () => {
      count = await python.processingCount();
      throw new Error("ours");
    });
    assert.equal(count, 1);
    assert.deepEqual((await python.rows("queue")).map(({ id, read_ct }) => [id, read_ct]), [[
      "1",
      1,
    ]]);
    assert.equal(await python.processingCount(), 0);
  });
});

describe("groups shared with Python", () => {
  it("are closed while Python works on one of their tasks", async () => {
    const { queue, python } = await shared("a", "a", "b");
    const id = await python.take();
    assert.deepEqual(await drained(queue, { grouped: true }), [3]);
    await python.complete(id);
    assert.deepEqual(await drained(queue, { grouped: true }), [2]);
  });

  it("are closed from the moment that Python has read their head", async () => {
    const { queue, python } = await shared("a", "a", "b");
    await python.read();
    assert.deepEqual(await drained(queue, { grouped: true }), [3]);
  });

  it("wait for the retry of their head", async () => {
    const { queue, python } = await shared("a", "a", "b");
    await python.retry(await python.take(), "boom");
    assert.deepEqual(await drained(queue, { grouped: true }), [3]);
    await python.elapse("1");
    assert.deepEqual(await drained(queue, { grouped: true }), [1, 2]);
  });

  it("go on when the time of a Python worker that crashed is over", async () => {
    const { queue, python } = await shared("a", "a");
    await python.elapse(await python.take());
    assert.deepEqual(await drained(queue, { grouped: true }), [1, 2]);
  });

  it("of tasks without a group are one", async () => {
    const { queue, python } = await shared(undefined, undefined);
    const id = await python.take();
    assert.deepEqual(await drained(queue, { grouped: true }), []);
    await python.complete(id);
    assert.deepEqual(await drained(queue, { grouped: true }), [2]);
  });

  it("newest first stay closed while Python works on an older one", async () => {
    const { queue, python } = await shared("a");
    const id = await python.take();
    for (const n of [2, 3]) await python.enqueue({ n }, "a");
    assert.deepEqual(await drained(queue, { grouped: true, lifo: true }), []);
    await python.complete(id);
    assert.deepEqual(await drained(queue, { grouped: true, lifo: true }), [3, 2]);
  });

  it("are closed for Python while we work on their head, and until its retry", async () => {
    const { queue, python } = await shared("a", "a", "b");
    let open: string[] = [];
    await drained(queue, { grouped: true, maxRetries: 1, retryDelay: 60 }, async (_, { id }) => {
      if (id !== 1) return;
      open = await python.openHeads();
      throw new Error("ours");
    });
    assert.deepEqual(open.filter((id) => id !== "3"), []);
    assert.deepEqual(await python.openHeads(), []);
    await python.elapse("1");
    assert.deepEqual(await python.openHeads(), ["1"]);
  });
});

describe("keys of tasks that Python has", () => {
  it("hold while the task is in the queue, and no longer", async () => {
    const { queue, python } = await shared();
    const enqueue = () => queue.enqueue({ n: 1 }, { key: "one" });
    assert.equal(await enqueue(), 1);
    const id = await python.take();
    assert.equal(await enqueue(), 1);
    await python.retry(id, "boom");
    assert.equal(await enqueue(), 1);
    await python.elapse(id);
    await python.complete(await python.take());
    const next = await enqueue();
    assert.equal(next > 1, true);
    await python.fail(await python.take(), "boom");
    assert.equal(await enqueue() > next, true);
    const letters = await queue.dlq.list();
    assert.deepEqual(letters.map(({ task }) => task), [{ n: 1 }]);
  });
});
