import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createQueue, PgtqError, processor, setup, Worker } from "../../mod.ts";
import { next, record } from "../_support/events.ts";
import { fileDatabase } from "../_support/file_database.ts";

const database = fileDatabase();

describe("a worker", () => {
  it("gives a slow queue its part of the slots while a quick one has a backlog", async () => {
    const [quick, slow] = [await database.newQueue(), await database.newQueue()];
    await quick.enqueueMany(Array.from({ length: 20_000 }, (_, n) => n));
    let [done, doneBefore] = [0, Infinity];
    const onQuick = processor(quick, () => void done++);
    const onSlow = processor(slow, () => void (doneBefore = Math.min(doneBefore, done)));
    const worker = new Worker({ processors: [onQuick, onSlow], concurrencyLimit: 4 });
    const underWay = next(worker, "completed", () => done > 2000);
    const running = worker.run();
    await underWay;
    const started = next(worker, "completed", ({ queue }) => queue === slow.name);
    await slow.enqueueMany([1, 2]);
    await started;
    await worker.stop();
    await running;
    assert.ok(doneBefore < 20_000, `after ${doneBefore}`);
  });

  it("claims past rows that it can't be handed", async () => {
    const queue = await database.newQueue();
    await database.sql.unsafe(`
      insert into pgmq.q_${queue.name} (msg_id, read_ct, vt, message) overriding system value
      values (9007199254740993, 0, now(), '{}'), (7, 2147483647, now(), '{}')`);
    await queue.enqueueMany([{ n: 1 }, { n: 2 }]);
    const worker = new Worker({ processors: [processor(queue, () => {})], concurrencyLimit: 5 });
    assert.equal((await worker.drain()).completed, 2);
  });

  it("that stops while a claim is under way gives back what it brings", async () => {
    let startedLate = 0;
    for (let i = 0; i < 20; i++) {
      const queue = await database.newQueue();
      const onTask = processor(queue, () => void (worker.state === "stopping" && startedLate++));
      const worker = new Worker({ processors: [onTask], pollInterval: "1h" });
      const idle = next(worker, "idle");
      const running = worker.run();
      await idle;
      await queue.enqueue({});
      await worker.stop();
      await running;
      assert.equal((await queue.stats()).processing, 0);
    }
    assert.equal(startedLate, 0);
  });

  it("says that nobody answers, and can be stopped, while its table is locked", async () => {
    const queue = await database.newQueue();
    const options = { pollInterval: "20ms", lease: "300ms", gracePeriod: "10ms" };
    const worker = new Worker({ processors: [processor(queue, () => {})], ...options });
    const idle = next(worker, "idle");
    const running = worker.run();
    await idle;
    await database.sql.begin(async (tx) => {
      await tx.unsafe(`lock table pgmq.q_${queue.name}`);
      assert.match(
        String((await next(worker, "error")).error),
        /can't be reached: no answer within 1 s/,
      );
      await worker.stop();
      await running;
    });
  });

  it("can be stopped after it could not even start", async () => {
    setup({ url: "no address" });
    const worker = new Worker({ processors: [processor(createQueue("any"), () => {})] });
    await assert.rejects(worker.run(), /not a URL/);
    await worker.stop();
    assert.equal(worker.state, "stopped");
    database.use();
  });

  it("settles a task whose handler throws somebody else's lost lease", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const onTask = processor(queue, () => {
      throw new PgtqError("LEASE_LOST", "of another task");
    });
    assert.equal((await new Worker({ processors: [onTask] }).drain()).dead, 1);
  });

  it("survives things that can't even be asked what they are", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const onTask = processor(queue, { maxRetries: 1 }, () => {
      const { proxy, revoke } = Proxy.revocable(new Error(), {});
      revoke();
      throw proxy;
    });
    assert.equal((await new Worker({ processors: [onTask] }).drain()).dead, 1);
  });

  it("ends the first attempt on a task that it has claimed a second time", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const signals: AbortSignal[] = [];
    const again = Promise.withResolvers<void>();
    const onTask = processor(queue, async (_, { signal }) => {
      signals.push(signal);
      if (signals.length === 2) return again.resolve();
      await database.sql.unsafe(`update pgmq.q_${queue.name} set vt = now()`);
      await new Promise(() => {});
    });
    const options = { concurrencyLimit: 2, pollInterval: "20ms" };
    const worker = new Worker({ processors: [onTask], ...options });
    const seen = record(worker);
    const completed = next(worker, "completed");
    const running = worker.run();
    await again.promise;
    await completed;
    await worker.stop();
    await running;
    assert.equal(signals[0]!.aborted, true);
    assert.deepEqual(seen, ["claimed 1/1", "lost 1/1", "claimed 1/1", "completed 1/1"]);
  });

  it("refuses to drain part of a task", async () => {
    const worker = new Worker({ processors: [processor(createQueue("any"), () => {})] });
    await assert.rejects(worker.drain({ maxTasks: 1.5 }), /maxTasks must be a whole number/);
  });

  it("hears of listeners that fail later", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const worker = new Worker({ processors: [processor(queue, () => {})] });
    worker.on("completed", () => Promise.reject(new Error("too late")) as unknown as void);
    const error = next(worker, "error");
    await worker.drain();
    assert.match(String((await error).error), /too late/);
  });
});
