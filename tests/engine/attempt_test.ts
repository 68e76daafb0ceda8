import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next, record } from "../_support/events.ts";

const database = fileDatabase();

async function queueOfOne(): Promise<Queue> {
  const queue = await database.newQueue();
  await queue.enqueue({});
  return queue;
}

describe("the timeout of an attempt", () => {
  it("aborts the handler's signal with a TimeoutError", async () => {
    const queue = await queueOfOne();
    let reason: unknown;
    const onTask = processor(queue, { timeout: "20ms" }, async (_, { signal }) => {
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      reason = signal.reason;
    });
    assert.deepEqual((await new Worker({ processors: [onTask] }).drain()).dead, 1);
    assert.ok(reason instanceof DOMException);
    assert.equal(reason.name, "TimeoutError");
    const [letter] = await queue.dlq.list();
    assert.deepEqual(letter!.errors, [
      "TimeoutError: the attempt took longer than its timeout of 0.02 s",
    ]);
  });

  it("fails the attempt of a handler that ignores its signal, and frees the slot", async () => {
    const queue = await queueOfOne();
    const onTask = processor(
      queue,
      { timeout: "20ms", maxRetries: 2 },
      () => new Promise(() => {}),
    );
    const worker = new Worker({ processors: [onTask] });
    assert.deepEqual(await worker.drain(), { completed: 0, retried: 2, dead: 1 });
  });

  it("writes the failure while the lease is still held", async () => {
    const queue = await queueOfOne();
    // A lease shorter than the timeout: without renewals somebody else could have the task by then.
    const onTask = processor(queue, { timeout: "1500ms" }, () => new Promise(() => {}));
    const worker = new Worker({ processors: [onTask], lease: "1s" });
    const rival = new Worker({
      processors: [processor(queue, () => {})],
      pollInterval: "20ms",
    });
    const [seen, stolen] = [record(worker), record(rival)];
    const claimed = next(worker, "claimed");
    const draining = worker.drain();
    await claimed;
    const running = rival.run();
    await draining;
    await rival.stop();
    await running;
    assert.deepEqual(seen, ["claimed 1/1", "failed 1/1", "dead 1/1"]);
    assert.deepEqual(stolen, []);
  });

  it("leaves no timer behind when the handler is quick", async () => {
    const queue = await queueOfOne();
    const timers = new Set<unknown>();
    const { setTimeout: set, clearTimeout: clear } = globalThis;
    try {
      globalThis.setTimeout = ((...parameters: Parameters<typeof set>) => {
        const [action, ms] = parameters;
        const timer: unknown = set((...rest: never[]) => {
          timers.delete(timer);
          (action as (...rest: never[]) => void)(...rest);
        }, ms);
        timers.add(timer);
        return timer;
      }) as typeof set;
      globalThis.clearTimeout = (timer) => {
        timers.delete(timer);
        clear(timer);
      };
      await new Worker({ processors: [processor(queue, { timeout: "1h" }, () => {})] }).drain();
    } finally {
      Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    }
    assert.equal(timers.size, 0);
  });
});
