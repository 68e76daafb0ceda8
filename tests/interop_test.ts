import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  processor,
  type ProcessorOptions,
  type Queue,
  type QueueOptions,
  type TaskContext,
  Worker,
} from "../mod.ts";
import { record } from "./_support/events.ts";
import { fileDatabase } from "./_support/file_database.ts";
import { Python } from "./_support/python_rows.ts";

interface Task {
  n: number;
}

const database = fileDatabase();

/** A queue that a Python service uses, too. */
async function shared(options: QueueOptions<Task> = {}) {
  const queue = await database.newQueue<Task>(options);
  return { queue, python: new Python(database.sql, queue) };
}

/** Processes what is due; returns what the worker said. */
async function drained(
  queue: Queue<Task>,
  options: ProcessorOptions,
  handler: (task: Task, context: TaskContext) => unknown,
): Promise<string[]> {
  await using worker = new Worker({ processors: [processor(queue, options, handler)] });
  const seen = record(worker);
  await worker.drain();
  return seen;
}

function failing(message: string) {
  return () => {
    throw new Error(message);
  };
}

const states = async (queue: Queue<Task>) => (await queue.list()).map(({ state }) => state);

describe("tasks of Python", () => {
  it("are processed, with a group or without any headers", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    await python.enqueue({ n: 2 }, "vip");
    const seen: unknown[] = [];
    await drained(queue, {}, (task, { id, attempt, group, headers }) => {
      seen.push([task, id, attempt, group, headers]);
    });
    assert.deepEqual(seen, [
      [{ n: 1 }, 1, 1, undefined, {}],
      [{ n: 2 }, 2, 1, "vip", { "x-pgmq-group": "vip" }],
    ]);
    const archived = await python.rows("archive");
    assert.deepEqual(archived.map(({ message, read_ct, known }) => [message, read_ct, known]), [
      [{ n: 1 }, 1, { "x-pgtq-status": "completed" }],
      [{ n: 2 }, 1, { "x-pgmq-group": "vip", "x-pgtq-status": "completed" }],
    ]);
  });

  it("wait for their delay", async () => {
    const { queue, python } = await shared();
    await python.enqueueLater({ n: 1 }, 60);
    assert.deepEqual(await states(queue), ["delayed"]);
    assert.deepEqual(await drained(queue, {}, () => {}), []);
    await python.elapse("1");
    assert.deepEqual(await drained(queue, {}, () => {}), ["claimed 1/1", "completed 1/1"]);
  });

  it("keep the count and the texts of their failed attempts, even of those without a text", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 }, "vip");
    for (const error of ["boom", ""]) {
      const id = await python.take();
      await python.retry(id, error);
      await python.elapse(id);
    }
    const seen = await drained(queue, { maxRetries: 3 }, failing("ours"));
    assert.deepEqual(seen, [
      "claimed 1/3",
      "failed 1/3",
      "retried 1/3",
      "claimed 1/4",
      "failed 1/4",
      "dead 1/4",
    ]);
    const errors = ["boom", "", "Error: ours", "Error: ours"];
    assert.deepEqual((await queue.dlq.list()).map(({ task, errors }) => [task, errors]), [
      [{ n: 1 }, errors],
    ]);
    const [failed] = await python.rows("archive");
    assert.deepEqual(
      [failed!.headers!["x-pgtq-errors"], failed!.headers!["x-pgmq-group"], failed!.read_ct],
      [errors, "vip", 4],
    );
  });

  it("wait for a retry as delayed ones, and can be cancelled", async () => {
    const { queue, python } = await shared();
    for (const n of [1, 2]) await python.enqueue({ n });
    await python.retry(await python.take(), "boom");
    assert.deepEqual(await states(queue), ["delayed", "queued"]);
    const [task] = await queue.list({ state: "delayed" });
    assert.deepEqual([task!.id, task!.errors, task!.deliveries], [1, ["boom"], 1]);
    const { queued, delayed, processing } = await queue.stats();
    assert.deepEqual({ queued, delayed, processing }, { queued: 1, delayed: 1, processing: 0 });
    assert.equal(await queue.cancel(1), true);
    assert.deepEqual((await python.rows("archive"))[0]!.known, {
      "x-pgtq-status": "failed",
      "x-pgtq-errors": ["boom", "Cancelled"],
    });
  });

  it("are Python's while it works on them", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    await python.take();
    assert.deepEqual(await states(queue), ["processing"]);
    assert.equal((await queue.stats()).processing, 1);
    assert.equal(await queue.cancel(1), false);
    assert.deepEqual(await drained(queue, {}, () => {}), []);
  });

  it("are taken over when a Python worker has crashed", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    await python.elapse(await python.take());
    assert.deepEqual(await states(queue), ["queued"]);
    assert.deepEqual(await drained(queue, {}, () => {}), ["claimed 1/1", "completed 1/1"]);
    const [archived] = await python.rows("archive");
    assert.deepEqual([archived!.read_ct, archived!.known], [2, { "x-pgtq-status": "completed" }]);
  });

  it("don't count as crashes when a Python worker had no room for them", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    for (let skipped = 0; skipped < 10; skipped++) {
      const [id] = await python.read();
      await python.elapse(id!);
    }
    assert.deepEqual(await drained(queue, {}, () => {}), ["claimed 1/1", "completed 1/1"]);
  });

  it("that Python finishes after we have taken them over are lost to us", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    const id = await python.take();
    await python.elapse(id);
    const seen = await drained(queue, {}, () => python.complete(id));
    assert.deepEqual(seen, ["claimed 1/1", "lost 1/1"]);
    assert.deepEqual(await python.rows("queue"), []);
    assert.equal((await python.rows("archive")).length, 1);
  });

  it("that Python retries after we have taken them over are ours", async () => {
    const { queue, python } = await shared();
    await python.enqueue({ n: 1 });
    const id = await python.take();
    await python.elapse(id);
    const seen = await drained(queue, {}, () => python.retry(id, "late"));
    assert.deepEqual(seen, ["claimed 1/1", "completed 1/1"]);
    assert.deepEqual((await python.rows("archive")).map(({ known }) => known), [
      { "x-pgtq-status": "completed", "x-pgtq-errors": ["late"] },
    ]);
  });

  it("are listed, counted and pruned in the archive", async () => {
    const { queue, python } = await shared({ archive: { limit: 1 } });
    for (const n of [1, 2]) await python.enqueue({ n });
    await python.complete(await python.take());
    await python.fail(await python.take(), "boom", { dlq: false });
    const archived = await queue.list({ state: "archived" });
    assert.deepEqual(archived.map(({ id, task, errors, headers }) => [id, task, errors, headers]), [
      [1, { n: 1 }, [], { "x-pgtq-status": "completed" }],
      [2, { n: 2 }, ["boom"], { "x-pgtq-status": "failed", "x-pgtq-errors": ["boom"] }],
    ]);
    assert.equal((await queue.stats()).archived, 2);
    assert.equal(await queue.prune(), 1);
    assert.deepEqual((await python.rows("archive")).map(({ id }) => id), ["2"]);
  });
});

describe("dead letters of Python", () => {
  async function deadLetter(group?: string) {
    const made = await shared();
    await made.python.enqueue({ n: 1 }, group);
    await made.python.fail(await made.python.take(), "boom");
    return made;
  }

  it("are listed and counted", async () => {
    const { queue } = await deadLetter();
    const [letter, ...others] = await queue.dlq.list();
    assert.deepEqual(others, []);
    const { diedAt, ...rest } = letter!;
    assert.ok(diedAt instanceof Date);
    assert.deepEqual(rest, { id: 1, taskId: 1, task: { n: 1 }, errors: ["boom"], headers: {} });
    assert.equal((await queue.stats()).dead, 1);
    const [listed] = await queue.list({ state: "dead" });
    assert.deepEqual([listed!.state, listed!.task, listed!.errors], ["dead", { n: 1 }, ["boom"]]);
  });

  it("are redriven, with the links that Python would write", async () => {
    const { queue, python } = await deadLetter();
    assert.equal(await queue.redrive(1), 2);
    const [task] = await python.rows("queue");
    assert.deepEqual([task!.message, task!.read_ct], [{ n: 1 }, 0]);
    assert.equal(task!.headers!["x-pgtq-original"], "1");
    assert.deepEqual(await python.rows("dlq"), []);
    const [letter] = await python.rows("dlq archive");
    assert.deepEqual(letter!.known, { "x-pgtq-retry": "2" });
    assert.deepEqual(await drained(queue, {}, () => {}), ["claimed 2/1", "completed 2/1"]);
  });

  it("are redriven into the group of the failed task, which the letter doesn't know", async () => {
    const { queue, python } = await deadLetter("vip");
    await queue.redrive(1);
    const [task] = await python.rows("queue");
    assert.equal(task!.headers!["x-pgmq-group"], "vip");
    assert.equal(task!.headers!["x-pgtq-errors"], undefined);
  });

  it("that Python has redriven live a life of their own", async () => {
    const { queue, python } = await deadLetter();
    assert.equal(await python.reschedule("1"), "2");
    assert.deepEqual(await queue.dlq.list(), []);
    assert.equal((await queue.stats()).dead, 0);
    const seen = await drained(queue, {}, failing("again"));
    assert.deepEqual(seen, ["claimed 2/1", "failed 2/1", "dead 2/1"]);
    assert.deepEqual((await python.rows("archive"))[1]!.known, {
      "x-pgtq-original": "1",
      "x-pgtq-status": "failed",
      "x-pgtq-errors": ["Error: again"],
      "x-pgtq-dlq": "2",
    });
    assert.equal(await queue.redrive(2), 3);
    assert.equal((await python.rows("queue"))[0]!.headers!["x-pgtq-original"], "2");
  });
});

describe("what Python reads of ours", () => {
  it("is the task, no headers, or only the group", async () => {
    const { queue, python } = await shared();
    await queue.enqueue({ n: 1 });
    await queue.enqueue({ n: 2 }, { group: "vip", delay: 60 });
    const [plain, late] = await python.rows("queue");
    assert.deepEqual([plain!.message, plain!.headers, plain!.read_ct], [{ n: 1 }, null, 0]);
    assert.ok(plain!.hidden <= 0);
    assert.deepEqual([late!.message, late!.headers], [{ n: 2 }, { "x-pgmq-group": "vip" }]);
    assert.ok(late!.hidden > 30 && late!.hidden <= 60, `hidden for ${late!.hidden} s`);
    assert.deepEqual(await python.read(60, 2), ["1"]);
  });

  it("can be completed or retried by Python, and goes on with us", async () => {
    const { queue, python } = await shared();
    for (const n of [1, 2]) await queue.enqueue({ n });
    await python.complete(await python.take());
    const second = await python.take();
    await python.retry(second, "theirs");
    await python.elapse(second);
    const seen = await drained(queue, { maxRetries: 1 }, failing("ours"));
    assert.deepEqual(seen, ["claimed 2/2", "failed 2/2", "dead 2/2"]);
    const [letter] = await queue.dlq.list();
    assert.deepEqual(letter!.errors, ["theirs", "Error: ours"]);
  });

  it("after a retry is a list of texts to which Python adds its own", async () => {
    const { queue, python } = await shared();
    await queue.enqueue({ n: 1 }, { group: "vip" });
    await drained(queue, { maxRetries: 2, retryDelay: 60 }, failing("ours"));
    const [row] = await python.rows("queue");
    const { "x-pgtq-errors": errors, "x-pgtq-status": status, "x-pgmq-group": group } = row!
      .headers!;
    assert.deepEqual({ errors, status, group }, {
      errors: ["Error: ours"],
      status: "queued",
      group: "vip",
    });
    assert.ok(row!.hidden > 30, "Python waits, too");
    assert.deepEqual(await python.read(), []);
    await python.elapse("1");
    assert.equal(await python.fail(await python.take(), "theirs"), "1");
    assert.deepEqual((await queue.dlq.list())[0]!.errors, ["Error: ours", "theirs"]);
  });

  it("after the last failure is a dead letter that Python can reschedule", async () => {
    const { queue, python } = await shared();
    await queue.enqueue({ n: 1 }, { group: "vip" });
    await drained(queue, {}, failing("ours"));
    const [letter] = await python.rows("dlq");
    assert.deepEqual(letter!.message, {
      msg_id: 1,
      queue_name: queue.name,
      message: { n: 1 },
      errors: ["Error: ours"],
    });
    assert.ok(letter!.hidden <= 0);
    assert.deepEqual((await python.rows("archive"))[0]!.known, {
      "x-pgmq-group": "vip",
      "x-pgtq-status": "failed",
      "x-pgtq-errors": ["Error: ours"],
      "x-pgtq-dlq": letter!.id,
    });
    assert.equal(await python.reschedule(letter!.id), "2");
    assert.equal((await python.rows("dlq archive"))[0]!.headers!["x-pgtq-retry"], "2");
    assert.deepEqual(await drained(queue, {}, () => {}), ["claimed 2/1", "completed 2/1"]);
  });

  it("without dead letters is the archived task with its errors", async () => {
    const { queue, python } = await shared({ dlq: false });
    await queue.enqueue({ n: 1 });
    await drained(queue, {}, failing("ours"));
    assert.deepEqual((await python.rows("archive")).map(({ known }) => known), [
      { "x-pgtq-status": "failed", "x-pgtq-errors": ["Error: ours"] },
    ]);
  });

  it("after a redrive are links as texts on both sides", async () => {
    const { queue, python } = await shared();
    await queue.enqueue({ n: 1 });
    await drained(queue, {}, failing("ours"));
    assert.equal(await queue.redrive(1), 2);
    const [task] = await python.rows("queue");
    assert.equal(task!.headers!["x-pgtq-original"], "1");
    assert.deepEqual((await python.rows("dlq archive"))[0]!.known, { "x-pgtq-retry": "2" });
    await python.complete(await python.take());
    assert.equal((await python.rows("archive"))[1]!.headers!["x-pgtq-status"], "completed");
  });
});
