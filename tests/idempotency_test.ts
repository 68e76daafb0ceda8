import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { createQueue, InvalidTaskError, type Processor, processor, Worker } from "../mod.ts";
import { next } from "./_support/events.ts";
import { fileDatabase } from "./_support/file_database.ts";

interface Task {
  n: number;
  taskId?: string;
}

const database = fileDatabase();

const optional = v.object({ n: v.number(), taskId: v.optional(v.string()) });
const required = v.object({ n: v.number(), taskId: v.string() });

/** Notes down what handlers find in the field, by the `n` of their task; every attempt fails. */
function failing() {
  const keys: Record<number, string[]> = {};
  const handler = ({ n, taskId }: { n: number; taskId: string }) => {
    (keys[n] ??= []).push(taskId);
    throw new Error("again");
  };
  return { keys, handler };
}

/** Processes what is due. */
async function drain(processor: Processor): Promise<void> {
  await using worker = new Worker({ processors: [processor] });
  await worker.drain();
}

/** What another producer sends, its JSON as text. */
async function send(queue: string, message: unknown, headers: unknown = null): Promise<void> {
  const [body, head] = [JSON.stringify(message), JSON.stringify(headers)];
  await database.sql`
    select pgmq.send(${queue}::text, ${body}::text::jsonb, ${head}::text::jsonb)`;
}

describe("the id in a task's field", () => {
  it("is the same for all attempts and redrives, also while the worker goes on", async () => {
    const queue = await database.newQueue<Task>();
    const { keys, handler } = failing();
    const options = { maxRetries: 1, idempotencyKey: "taskId" } as const;
    const worker = new Worker({ processors: [processor(queue, options, handler)] });
    const running = worker.run();
    await queue.enqueueMany([{ n: 0 }, { n: 0 }, { n: 0 }], { delay: "1h" });
    const died: number[] = [];
    let dead = next(worker, "dead");
    const id = await queue.enqueue({ n: 1 });
    for (const life of [1, 2, 3]) {
      died.push((await dead).id);
      assert.deepEqual(keys[1], Array(2 * life).fill(String(id)));
      dead = next(worker, "dead");
      assert.equal(await queue.redriveAll(), 1);
    }
    await dead;
    await worker.stop();
    await running;
    assert.deepEqual(died, [id, id + 1, id + 2]);
    assert.deepEqual(keys, { 1: Array(8).fill(String(id)) });
  });

  it("goes over what producers have put there, and is not stored", async () => {
    const queue = createQueue("overwritten", { input: optional });
    await queue.create();
    const { keys, handler } = failing();
    await queue.enqueue({ n: 1, taskId: "mine" });
    await send("overwritten", { n: 2, taskId: null });
    await send("overwritten", { n: 3, taskId: [3] });
    await drain(processor(queue, { maxRetries: 1, idempotencyKey: "taskId" }, handler));
    assert.deepEqual(keys, { 1: ["1", "1"], 2: ["2", "2"], 3: ["3", "3"] });
    const letters = await queue.dlq.list();
    assert.deepEqual(letters.map(({ task }) => task), [
      { n: 1, taskId: "mine" },
      { n: 2, taskId: null },
      { n: 3, taskId: [3] },
    ]);
  });
});

describe("the id of a task that Python has redriven", () => {
  for (const archive of [true, false]) {
    it(`is that of the failed task for ever, ${archive ? "with" : "without"} an archive`, async () => {
      const queue = await database.newQueue<Task>({ archive });
      const { keys, handler } = failing();
      const onTask = processor(queue, { maxRetries: 1, idempotencyKey: "taskId" }, handler);
      await send(queue.name, { n: 1 }, { "x-pgtq-original": "17" });
      await drain(onTask);
      const [letter] = await queue.dlq.list();
      assert.deepEqual(letter!.headers, { "x-pgtq-root": "17" });
      await queue.redriveAll();
      const [task] = await queue.list();
      assert.deepEqual(task!.headers, {
        "x-pgtq-original": "1",
        "x-pgtq-root": "17",
        "x-pgtq-redriven-from": "1",
      });
      await drain(onTask);
      assert.deepEqual(keys, { 1: Array(4).fill("17") });
    });
  }

  it("is the first one's, also after a death with Python, which writes no headers", async () => {
    const queue = await database.newQueue<Task>();
    const { keys, handler } = failing();
    const onTask = processor(queue, { idempotencyKey: "taskId" }, handler);
    await queue.enqueueMany([{ n: 0 }, { n: 0 }], { delay: "1h" });
    await queue.enqueue({ n: 1 });
    await drain(onTask);
    await queue.redriveAll();
    for (const failed of [4, 5]) {
      await send(`${queue.name}_dlq`, {
        msg_id: failed,
        queue_name: queue.name,
        message: { n: 1 },
        errors: ["Python's"],
      });
      await database.sql`select pgmq.archive(${queue.name}::text, ${failed}::bigint)`;
      assert.equal(await queue.redriveAll(), 1);
    }
    await drain(onTask);
    assert.deepEqual(keys, { 1: ["3", "3"] });
  });

  const long = "1".repeat(40);
  /** What producers may have written as root and original, and the id where it isn't the task's own. */
  const headers: readonly [root: unknown, original: unknown, id?: string][] = [
    [undefined, 17, "17"],
    [23, undefined, "23"],
    ["5", "17", "5"],
    [{ a: 1 }, "17", "17"],
    ["", 17, "17"],
    ["order-5", "17\n"],
    [null, ""],
    [0, "0"],
    [-5, "-5"],
    [1.5, "1e3"],
    [long, Number(long)],
    [true, ["17"]],
    [["5"], { id: 17 }],
    ["١٧", "017"],
  ];

  it("is the same in the next life, whatever producers have put into the headers", async () => {
    const queue = await database.newQueue<Task>();
    const { keys, handler } = failing();
    const onTask = processor(queue, { idempotencyKey: "taskId" }, handler);
    for (const [n, [root, original]] of headers.entries()) {
      await send(queue.name, { n }, { "x-pgtq-root": root, "x-pgtq-original": original });
    }
    await drain(onTask);
    const letters = await queue.dlq.list();
    assert.deepEqual(
      letters.map(({ headers }) => headers["x-pgtq-root"]),
      headers.map(([_root, _original, id]) => id),
    );
    assert.equal(await queue.redriveAll(), headers.length);
    await drain(onTask);
    const expected = headers.map(([_root, _original, id], n) => Array(2).fill(id ?? `${n + 1}`));
    assert.deepEqual(Object.values(keys), expected);
  });

  it("is no id of letters with rubbish for one, which are redriven all the same", async () => {
    const queue = await database.newQueue<Task>();
    const { keys, handler } = failing();
    for (const [n, msg_id] of ["x", null, long, [1]].entries()) {
      await send(`${queue.name}_dlq`, { msg_id, queue_name: queue.name, message: { n } });
    }
    assert.equal(await queue.redriveAll(), 4);
    await drain(processor(queue, { idempotencyKey: "taskId" }, handler));
    assert.deepEqual(keys, { 0: ["1"], 1: ["2"], 2: ["3"], 3: ["4"] });
  });
});

describe("a queue with the option", () => {
  const options = { input: required, idempotencyKey: "taskId" } as const;

  it("takes tasks without the field, stores them as they are, and processors have it", async () => {
    const queue = createQueue("inherited", options);
    await queue.create();
    assert.deepEqual(await queue.enqueueMany([{ n: 1 }, { n: 2, taskId: "mine" }]), [1, 2]);
    assert.deepEqual((await queue.list()).map(({ task }) => task), [{ n: 1 }, {
      n: 2,
      taskId: "mine",
    }]);
    const { keys, handler } = failing();
    await drain(processor(queue, handler));
    await queue.redriveAll();
    await drain(processor(queue, { maxRetries: 1, idempotencyKey: "taskId" }, handler));
    assert.deepEqual(keys, { 1: ["1", "1", "1"], 2: ["2", "2", "2"] });
  });

  const invalid: readonly [unknown, RegExp][] = [
    [{ n: "1" }, /: n: expected number, received "1"$/],
    [{ n: 1, taskId: 17 }, /: taskId: expected string, received 17$/],
    [{ n: 1, taskId: null }, /: taskId: expected string, received null$/],
    ["text", /: expected an object to put taskId into, received "text"$/],
    [[{ n: 1 }], /: expected an object to put taskId into, received \[\{"n":1\}\]$/],
    [null, /: expected an object to put taskId into, received null$/],
  ];
  for (const [task, message] of invalid) {
    it(`takes no ${JSON.stringify(task)}`, async () => {
      const queue = createQueue("refusing", options);
      await assert.rejects(queue.enqueue(task as never), { code: "INVALID_TASK", message });
    });
  }

  it("takes only objects even without a schema", async () => {
    const queue = createQueue("bare", { idempotencyKey: "taskId" });
    for (const task of [5, [], null, new Date(0)]) {
      await assert.rejects(queue.enqueue(task), {
        code: "INVALID_TASK",
        message: /put taskId into/,
      });
    }
    await assert.rejects(queue.enqueue({ taskId: 5 }), {
      message: /taskId: expected string, received 5$/,
    });
  });

  it("takes nothing that the schema drops the field of", async () => {
    const input = v.object({ n: v.number() });
    const queue = createQueue("dropping", { input, idempotencyKey: "taskId" as never });
    const message = /taskId: expected the schema to keep it as a string, received undefined$/;
    await assert.rejects(queue.enqueue({ n: 1 }), { code: "INVALID_TASK", message });
  });

  it("is not overruled by a processor", () => {
    const queue = createQueue("overruled", {
      input: v.object({ a: v.string(), b: v.string() }),
      idempotencyKey: "a",
    });
    assert.throws(() => processor(queue, { idempotencyKey: "b" }, () => {}), {
      name: "TypeError",
      message: 'Wrong option of the processor of "overruled": idempotencyKey must be that of the ' +
        'queue, "a": current value is "b"',
    });
  });
});

describe("a task that can't have the field", () => {
  const cases: readonly [unknown, string][] = [
    ["text", 'expected an object to put taskId into, received "text"'],
    [[{ n: 1 }], 'expected an object to put taskId into, received [{"n":1}]'],
    [null, "expected an object to put taskId into, received null"],
    [{ n: "1" }, 'n: expected number, received "1"'],
  ];

  it("goes to the dead letters without a retry", async () => {
    const queue = createQueue("unfit", { input: optional });
    await queue.create();
    for (const [task] of cases) await send("unfit", task);
    const { keys, handler } = failing();
    await drain(processor(queue, { maxRetries: 3, idempotencyKey: "taskId" }, handler));
    assert.deepEqual(keys, {});
    const errors = (await queue.dlq.list()).map(({ errors }) => errors);
    assert.deepEqual(errors, cases.map(([_task, problem]) => [`InvalidTaskError: ${problem}`]));
  });

  it("is one whose schema drops it: no handler runs without its id", async () => {
    const queue = createQueue("stripping", { input: v.object({ n: v.number() }) });
    await queue.create();
    await queue.enqueue({ n: 1 });
    const { keys, handler } = failing();
    const options = { idempotencyKey: "taskId" as never };
    await drain(processor(queue, options, handler as never));
    assert.deepEqual(keys, {});
    const [letter] = await queue.dlq.list();
    assert.match(letter!.errors[0]!, /^InvalidTaskError: taskId: expected the schema to keep it/);
  });
});

describe("a processor called by itself", () => {
  for (const input of [optional, required]) {
    it(`gives the handler an id: ${input === required ? "required" : "optional"}`, async () => {
      const seen: string[] = [];
      const options = { idempotencyKey: "taskId" } as const;
      const onTask = processor(createQueue("by_hand", { input }), options, (task) => {
        seen.push(task.taskId);
      });
      await onTask({ n: 1 });
      await onTask({ n: 1 }, { id: 5 });
      await onTask({ n: 1, taskId: "mine" }, { id: 5 });
      await onTask({ n: 1, taskId: undefined } as never);
      assert.deepEqual(seen, ["0", "5", "mine", "0"]);
      await assert.rejects(onTask({ n: 1, taskId: 5 as never }), InvalidTaskError);
      await assert.rejects(onTask([] as never), InvalidTaskError);
    });
  }

  it("leaves the task that it was given as it was", async () => {
    const task = Object.freeze({ n: 1 });
    const options = { idempotencyKey: "taskId" } as const;
    await processor(createQueue<Task>("by_hand"), options, () => {})(task);
    assert.deepEqual(task, { n: 1 });
  });
});

describe("the name of the field", () => {
  for (const name of ["", 5, null]) {
    it(`can't be ${JSON.stringify(name)}`, () => {
      const idempotencyKey = name as never;
      const message = /idempotencyKey must be a field of the task: current value is/;
      assert.throws(() => createQueue("named", { idempotencyKey }), { name: "TypeError", message });
      const queue = createQueue("named");
      assert.throws(() => processor(queue, { idempotencyKey }, () => {}), {
        name: "TypeError",
        message,
      });
    });
  }
});
