import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { close, processor, type Queue, setup, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next, record } from "../_support/events.ts";
import { farOff, unheard, wayTo } from "../_support/pooler.ts";

const database = fileDatabase();

async function queueOf(tasks: number): Promise<Queue> {
  const queue = await database.newQueue();
  await queue.enqueueMany(Array.from({ length: tasks }, (_, n) => ({ n })));
  return queue;
}

describe("stopping", () => {
  it("lets running handlers finish and gives back what was claimed ahead, at no cost", async () => {
    const queue = await queueOf(500);
    const [slow, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let runs = 0;
    // Quick handlers make the worker claim ahead; then one takes its time.
    const onTask = processor(queue, () => {
      if (++runs < 20) return;
      slow.resolve();
      return gate.promise;
    });
    const worker = new Worker({ processors: [onTask] });
    const running = worker.run();
    await slow.promise;
    const stopped = worker.stop();
    assert.equal(worker.state, "stopping");
    gate.resolve();
    await Promise.all([stopped, running]);
    assert.equal(worker.state, "stopped");
    const { archived, queued, processing } = await queue.stats();
    assert.deepEqual({ archived, queued, processing }, {
      archived: runs,
      queued: 500 - runs,
      processing: 0,
    });
    assert.equal(runs >= 20 && runs < 500, true);
    const released = (await queue.list({ limit: 500 })).filter(({ deliveries }) => deliveries > 0);
    assert.equal(released.length > 0, true);
    for (const { headers } of released) assert.equal(headers["x-pgtq-releases"], 1);
  });

  it("is not needed to free what was claimed ahead for a handler that has become slow", async () => {
    const queue = await queueOf(100);
    let runs = 0;
    const onTask = processor(queue, () => ++runs === 50 ? new Promise(() => {}) : undefined);
    const worker = new Worker({ processors: [onTask], pollInterval: "1h", gracePeriod: "1ms" });
    const running = worker.run();
    await next(worker, "released");
    const other = new Worker({ processors: [processor(queue, () => {})] });
    assert.deepEqual(await other.drain(), { completed: 50, retried: 0, dead: 0 });
    await worker.stop();
    await running;
    assert.equal(runs, 50);
  });

  it("aborts handlers that outlast the grace period and gives their tasks back", async () => {
    const queue = await queueOf(1);
    const started = Promise.withResolvers<AbortSignal>();
    const onTask = processor(queue, (_, { signal }) => {
      started.resolve(signal);
      return new Promise(() => {});
    });
    const worker = new Worker({ processors: [onTask], gracePeriod: "20ms" });
    const seen = record(worker);
    const running = worker.run();
    const signal = await started.promise;
    await worker.stop();
    await running;
    assert.deepEqual(seen, ["claimed 1/1", "released 1/1"]);
    assert.equal(signal.reason.name, "StoppedError");
    assert.equal((await queue.stats()).queued, 1);
  });

  it("doesn't wait for the grace period when told to abort", async () => {
    const queue = await queueOf(1);
    const onTask = processor(queue, () => new Promise(() => {}));
    const worker = new Worker({ processors: [onTask], gracePeriod: "1d" });
    const claimed = next(worker, "claimed");
    const running = worker.run();
    await claimed;
    const stopped = worker.stop();
    await worker.abort();
    await Promise.all([stopped, running]);
    assert.equal((await queue.stats()).queued, 1);
  });

  it("wakes another worker for the tasks it gives back", { skip: unheard }, async () => {
    const queue = await queueOf(1);
    const first = new Worker({
      processors: [processor(queue, () => new Promise(() => {}))],
      gracePeriod: "20ms",
    });
    const claimed = next(first, "claimed");
    const running = first.run();
    await claimed;
    // Only a notification can wake it: its own look is an hour away.
    const second = new Worker({ processors: [processor(queue, () => {})], pollInterval: "1h" });
    const idle = next(second, "idle");
    const completed = next(second, "completed");
    const alsoRunning = second.run();
    await idle;
    await next(second, "idle"); // the look that comes with listening
    await first.stop();
    await completed;
    await second.stop();
    await Promise.all([running, alsoRunning]);
  });

  it("follows a signal, at any time", async () => {
    const queue = await queueOf(0);
    const onTask = processor(queue, () => {});
    await new Worker({ processors: [onTask] }).run({ signal: AbortSignal.abort() });

    const controller = new AbortController();
    const worker = new Worker({ processors: [onTask] });
    const running = worker.run({ signal: controller.signal });
    controller.abort();
    await running;
    assert.equal(worker.state, "stopped");
  });

  it("is idempotent, works before a start, and at the end of a block", async () => {
    const queue = await queueOf(0);
    const onTask = processor(queue, () => {});
    const unused = new Worker({ processors: [onTask] });
    await Promise.all([unused.stop(), unused.stop(), unused.abort()]);
    assert.equal(unused.state, "stopped");

    let running: Promise<void>;
    {
      await using worker = new Worker({ processors: [onTask] });
      const idle = next(worker, "idle");
      running = worker.run();
      await idle;
    }
    await running;
  });

  it("is not what another setup does to a worker that runs", async () => {
    setup(wayTo(database.url));
    const queue = await queueOf(0);
    const worker = new Worker({ processors: [processor(queue, () => {})], pollInterval: farOff });
    const idle = next(worker, "idle");
    const running = worker.run();
    await idle;
    database.use();
    const completed = next(worker, "completed");
    await queue.enqueue({});
    await completed;
    await worker.stop();
    await running;
  });

  it("ends the pool that the library opened, and a later use opens another", async () => {
    setup({ url: `${database.url}?application_name=ending` });
    const queue = await queueOf(1);
    await new Worker({ processors: [processor(queue, () => {})] }).drain();
    const left = await database.sql`
      select pid from pg_stat_activity
      where application_name = 'ending' and datname = current_database()`;
    assert.equal(left.length, 0);
    assert.equal((await queue.stats()).archived, 1);
    await close();
    database.use();
  });
});
