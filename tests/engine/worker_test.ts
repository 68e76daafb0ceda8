import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import {
  createQueue,
  PermanentError,
  PgtqError,
  processor,
  type ProcessorOptions,
  type Queue,
  type QueueOptions,
  SnoozeError,
  type TaskContext,
  Worker,
} from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next, record } from "../_support/events.ts";

interface Task {
  n: number;
}

const database = fileDatabase();

const newQueue = (options: QueueOptions<Task> = {}) => database.newQueue<Task>(options);

/** Runs a handler on tasks until nothing is due; returns what the worker said. */
async function drained(
  queue: Queue<Task>,
  options: ProcessorOptions,
  handler: (task: Task, context: TaskContext) => unknown,
): Promise<string[]> {
  const worker = new Worker({ processors: [processor(queue, options, handler)] });
  const seen = record(worker);
  await worker.drain();
  return seen;
}

describe("Worker", () => {
  it("runs the handler with the task and its context, and archives it as completed", async () => {
    const queue = await newQueue();
    const id = await queue.enqueue({ n: 1 }, { group: "a", headers: { trace: "t" } });
    let context: TaskContext | undefined;
    const seen = await drained(queue, { maxRetries: 2 }, (task, given) => {
      assert.deepEqual(task, { n: 1 });
      context = given;
    });
    assert.deepEqual(seen, [`claimed ${id}/1`, `completed ${id}/1`]);
    const { signal, enqueuedAt, ...rest } = context!;
    assert.equal(signal.aborted, false);
    assert.ok(enqueuedAt instanceof Date);
    assert.deepEqual(rest, {
      id,
      attempt: 1,
      maxAttempts: 3,
      queue: queue.name,
      group: "a",
      headers: { trace: "t", "x-pgmq-group": "a" },
    });
    const [archived] = await queue.list({ state: "archived" });
    assert.equal(archived!.headers["x-pgtq-status"], "completed");
  });

  it("deletes completed tasks of a queue without an archive", async () => {
    const queue = await newQueue({ archive: false });
    await queue.enqueue({ n: 1 });
    await drained(queue, {}, () => {});
    assert.deepEqual(await queue.list({ state: "archived" }), []);
    assert.deepEqual(await queue.list(), []);
  });

  it("tries N + 1 times, records each error once, then makes a dead letter", async () => {
    const queue = await newQueue();
    const id = await queue.enqueue({ n: 1 });
    const attempts: number[] = [];
    const seen = await drained(queue, { maxRetries: 2 }, (_, { attempt }) => {
      attempts.push(attempt);
      throw new Error(`no. ${attempt}`);
    });
    assert.deepEqual(attempts, [1, 2, 3]);
    assert.deepEqual(seen.filter((line) => !line.startsWith("claimed")), [
      `failed ${id}/1`,
      `retried ${id}/1`,
      `failed ${id}/2`,
      `retried ${id}/2`,
      `failed ${id}/3`,
      `dead ${id}/3`,
    ]);
    const [letter] = await queue.dlq.list();
    assert.deepEqual(letter!.errors, ["Error: no. 1", "Error: no. 2", "Error: no. 3"]);
    assert.equal(letter!.taskId, id);
    const [archived] = await queue.list({ state: "archived" });
    assert.equal(archived!.headers["x-pgtq-status"], "failed");
    assert.equal(archived!.headers["x-pgtq-dlq"], String(letter!.id));
  });

  it("retries only what retryOn says, by class or by function", async () => {
    const queue = await newQueue();
    const runs = new Map<number, number>();
    const handler = ({ n }: Task) => {
      runs.set(n, (runs.get(n) ?? 0) + 1);
      throw n === 1 ? new TypeError("retry me") : new RangeError("don't");
    };
    await queue.enqueueMany([{ n: 1 }, { n: 2 }]);
    await drained(queue, { maxRetries: 1, retryOn: [TypeError] }, handler);
    assert.deepEqual(runs, new Map([[1, 2], [2, 1]]));
    await queue.enqueueMany([{ n: 1 }, { n: 2 }]);
    const retryOn = (error: unknown) => error instanceof RangeError;
    await drained(queue, { maxRetries: 1, retryOn }, handler);
    assert.deepEqual(runs, new Map([[1, 3], [2, 3]]));
  });

  it("puts a retry off by retryDelay, on the server's clock", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    await drained(queue, { maxRetries: 1, retryDelay: (attempt) => `${attempt}h` }, () => {
      throw new Error("later");
    });
    const [task] = await queue.list({ state: "delayed" });
    const [row] = await database.sql.unsafe(
      `select extract(epoch from vt - clock_timestamp()) as wait from pgmq.q_${queue.name}`,
    );
    assert.ok(Number(row!.wait) > 3500 && Number(row!.wait) <= 3600, String(row!.wait));
    assert.deepEqual(task!.errors, ["Error: later"]);
  });

  it("sends a PermanentError straight to the dead letters", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    const seen = await drained(queue, { maxRetries: 5 }, () => {
      throw new PermanentError("hopeless");
    });
    assert.deepEqual(seen, ["claimed 1/1", "failed 1/1", "dead 1/1"]);
  });

  it("snoozes without using up an attempt", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    let runs = 0;
    const seen = await drained(queue, {}, () => {
      if (++runs < 8) throw new SnoozeError(0);
    });
    assert.equal(runs, 8);
    assert.deepEqual(seen.slice(-2), ["claimed 1/1", "completed 1/1"]);
    assert.equal(seen.filter((line) => line === "released 1/1").length, 7);
  });

  it("fails tasks that don't fit the schema without retries", async () => {
    const queue = createQueue("checked", { input: v.object({ n: v.number() }) });
    await queue.create();
    await database.sql`select pgmq.send('checked', '{"n": "one"}'), pgmq.send('checked', '7')`;
    const onTask = processor(queue, { maxRetries: 9 }, () => {
      throw new Error("must not run");
    });
    assert.deepEqual(await new Worker({ processors: [onTask] }).drain(), {
      completed: 0,
      retried: 0,
      dead: 2,
    });
    const [first] = await queue.dlq.list();
    assert.match(first!.errors[0]!, /^InvalidTaskError: n: expected number, received "one"$/);
  });

  it("gives the handler a stable id through retries and redrives", async () => {
    const queue = createQueue("keyed", {
      input: v.object({ n: v.number(), taskKey: v.optional(v.string()) }),
    });
    await queue.create();
    const keys: unknown[] = [];
    const options = { maxRetries: 1, idempotencyKey: "taskKey" } as const;
    const onTask = processor(queue, options, ({ taskKey }) => {
      keys.push(taskKey);
      throw new Error("again");
    });
    const id = await queue.enqueue({ n: 1 });
    await new Worker({ processors: [onTask] }).drain();
    await queue.redriveAll();
    await new Worker({ processors: [onTask] }).drain();
    assert.deepEqual(keys, Array(4).fill(String(id)));
  });

  it("never runs more tasks at once than its limit, and does run that many", async () => {
    const queue = await newQueue();
    await queue.enqueueMany(Array.from({ length: 30 }, (_, n) => ({ n })));
    let running = 0;
    let most = 0;
    const onTask = processor(queue, async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    });
    await new Worker({ processors: [onTask], concurrencyLimit: 4 }).drain();
    assert.equal(most, 4);
  });

  it("shares its slots fairly: a flooded queue doesn't starve another", async () => {
    const [flooded, quiet] = [await newQueue(), await newQueue()];
    await flooded.enqueueMany(Array.from({ length: 200 }, (_, n) => ({ n })));
    await quiet.enqueueMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const order: string[] = [];
    const slow = (queue: Queue<Task>) =>
      processor(queue, async () => {
        await new Promise((resolve) => setTimeout(resolve, 1));
        order.push(queue.name);
      });
    const processors = [slow(flooded), slow(quiet)];
    await new Worker({ processors, concurrencyLimit: 2 }).drain();
    assert.ok(order.lastIndexOf(quiet.name) < 60, `done at ${order.lastIndexOf(quiet.name)}`);
    assert.equal(order.length, 203);
  });

  it("processes tasks of its own handlers before a drain ends", async () => {
    const [first, second] = [await newQueue(), await newQueue()];
    const done: number[] = [];
    const onFirst = processor(first, async ({ n }) => void await second.enqueue({ n: n + 1 }));
    const onSecond = processor(second, async ({ n }) => {
      done.push(n);
      if (n < 6) await first.enqueue({ n: n + 1 });
    });
    await first.enqueue({ n: 1 });
    await new Worker({ processors: [onFirst, onSecond] }).drain();
    assert.deepEqual(done, [2, 4, 6]);
  });

  it("drains at most maxTasks", async () => {
    const queue = await newQueue();
    await queue.enqueueMany([{ n: 1 }, { n: 2 }, { n: 3 }]);
    const worker = new Worker({ processors: [processor(queue, () => {})], concurrencyLimit: 5 });
    assert.deepEqual(await worker.drain({ maxTasks: 2 }), { completed: 2, retried: 0, dead: 0 });
    assert.equal((await queue.stats()).queued, 1);
  });

  it("drains no longer than maxDuration", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    const onTask = processor(queue, async ({ n }) => void await queue.enqueue({ n: n + 1 }));
    const { completed } = await new Worker({ processors: [onTask] }).drain({ maxDuration: "50ms" });
    // Every task makes another one: only the bound ends this.
    assert.equal(await queue.list().then(([task]) => task!.id), completed + 1);
  });

  it("survives listeners that throw", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    const worker = new Worker({ processors: [processor(queue, () => {})] });
    worker.on("completed", () => {
      throw new Error("bad listener");
    });
    const error = next(worker, "error");
    await worker.drain();
    assert.match(String((await error).error), /bad listener/);
  });

  it("stops telling a listener that was taken away", async () => {
    const queue = await newQueue();
    await queue.enqueue({ n: 1 });
    const worker = new Worker({ processors: [processor(queue, () => {})] });
    let calls = 0;
    worker.on("completed", () => calls++)();
    await worker.drain();
    assert.equal(calls, 0);
  });

  it("refuses wrong options, naming the option and the value", async () => {
    const queue = await newQueue();
    const onTask = processor(queue, () => {});
    const worker = (options: object) => () => new Worker({ processors: [onTask], ...options });
    assert.throws(
      worker({ concurrencyLimit: 0 }),
      /concurrencyLimit must be .* at least 1.*: .* 0$/,
    );
    assert.throws(worker({ concurrencyLimit: 1.5 }), TypeError);
    assert.throws(worker({ pollInterval: "soon" }), /pollInterval must be a duration.* "soon"/);
    assert.throws(worker({ pollInterval: -1 }), /pollInterval must be a duration.* -1/);
    assert.throws(worker({ lease: 0 }), /lease must be .* above zero/);
    assert.throws(worker({ pruneBatchSize: -5 }), /pruneBatchSize/);
    assert.throws(worker({ conccurencyLimit: 3 }), /Unknown option conccurencyLimit of the worker/);
    assert.throws(worker({ processors: [] }), /at least one processor/);
    assert.throws(worker({ processors: [() => {}] }), /made by processor/);
    assert.throws(
      worker({ processors: [onTask, processor(queue, () => {})] }),
      /two processors for .*queue_/,
    );
  });

  it("refuses to run on a queue that is not there, or twice", async () => {
    const missing = new Worker({ processors: [processor(createQueue("nowhere"), () => {})] });
    await assert.rejects(missing.run(), (error) => {
      return error instanceof PgtqError && error.code === "MISSING_QUEUE" &&
        error.message.includes("run `pgtq create nowhere`");
    });
    assert.equal(missing.state, "stopped");
    await assert.rejects(missing.run(), { code: "WORKER_STATE" });

    await database.sql`select pgmq.create('no_letters')`;
    const onTask = processor(createQueue("no_letters"), () => {});
    await assert.rejects(
      new Worker({ processors: [onTask] }).run(),
      /"no_letters_dlq" doesn't exist/,
    );
  });
});
