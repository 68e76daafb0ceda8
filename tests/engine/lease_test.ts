import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PgtqError, processor, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next, record } from "../_support/events.ts";

const database = fileDatabase();

/** A handler that waits to be let go. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: () => resolve() };
}

/** The end of the lease of the only task in a queue, by the server's clock. */
async function visibleAt(queue: Queue): Promise<number> {
  const [task] = await queue.list();
  return task!.visibleAt.getTime();
}

describe("a lease", () => {
  it("is renewed while the handler runs, however long that takes", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const { promise, open } = gate();
    const worker = new Worker({ processors: [processor(queue, () => promise)], lease: "900ms" });
    const rival = new Worker({ processors: [processor(queue, () => {})], pollInterval: "10ms" });
    const [seen, stolen] = [record(worker), record(rival)];
    const claimed = next(worker, "claimed");
    const running = [worker.run()];
    await claimed;
    running.push(rival.run());
    const first = await visibleAt(queue);
    while (await visibleAt(queue) < first + 1000) await next(rival, "idle");
    open();
    await next(worker, "completed");
    await Promise.all([worker.stop(), rival.stop(), ...running]);
    assert.deepEqual(seen.concat(stolen).sort(), ["claimed 1/1", "completed 1/1"]);
  });

  it("that was taken over makes the first worker change nothing, and its handler hear of it", async () => {
    const queue = await database.newQueue();
    const id = await queue.enqueue({});
    const { promise, open } = gate();
    let reason: unknown;
    const onTask = processor(queue, { timeout: "1h" }, async (_, { signal }) => {
      await promise;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      reason = signal.reason;
    });
    const worker = new Worker({ processors: [onTask], lease: "300ms" });
    const seen = record(worker);
    const [claimed, lost] = [next(worker, "claimed"), next(worker, "lost")];
    const running = worker.run();
    await claimed;
    // Another consumer, such as plain pgmq, reads the task while the worker isn't looking.
    await database.sql.unsafe(
      `update pgmq.q_${queue.name} set read_ct = read_ct + 1, vt = now() + interval '1 hour'`,
    );
    open();
    await lost;
    await worker.stop();
    await running;
    assert.ok(reason instanceof PgtqError && reason.code === "LEASE_LOST");
    assert.deepEqual(seen, [`claimed ${id}/1`, `lost ${id}/1`]);
    const [task] = await queue.list();
    assert.deepEqual({ state: task!.state, errors: task!.errors, deliveries: task!.deliveries }, {
      state: "processing",
      errors: [],
      deliveries: 2,
    });
  });

  it("that was taken over just before the handler ends is found lost at the settlement", async () => {
    for (const fails of [false, true]) {
      const queue = await database.newQueue();
      await queue.enqueue({});
      const onTask = processor(queue, async () => {
        await database.sql.unsafe(`update pgmq.q_${queue.name} set read_ct = read_ct + 1`);
        if (fails) throw new Error("too late");
      });
      const worker = new Worker({ processors: [onTask] });
      const seen = record(worker);
      await worker.drain();
      assert.deepEqual(seen, ["claimed 1/1", "lost 1/1"]);
      assert.equal((await queue.stats()).processing, 1);
      assert.equal((await queue.stats()).dead, 0);
    }
  });

  it("is lost when the queue is purged under a running handler", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const onTask = processor(queue, async () => void await queue.purge());
    const worker = new Worker({ processors: [onTask] });
    const seen = record(worker);
    await worker.drain();
    assert.deepEqual(seen, ["claimed 1/1", "lost 1/1"]);
    assert.equal((await queue.stats()).archived, 0);
  });
});
