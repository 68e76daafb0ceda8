import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type ProcessorOptions, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { farOff } from "../_support/pooler.ts";
import { Stage } from "../_support/stage.ts";

const database = fileDatabase();

/** Long enough that nothing happens by it; what happens is by notification. */
const patient = { pollInterval: farOff, lease: "1h" } as const;

async function enqueue(queue: Queue<unknown>, ...groups: string[]): Promise<number[]> {
  const ids: number[] = [];
  for (const group of groups) ids.push(await queue.enqueue({}, { group }));
  return ids;
}

describe("a grouped processor", () => {
  it("runs each group in order, one at a time, through retries and over workers", async () => {
    const queue = await database.newQueue();
    const groups = ["a", "b", "c"];
    const total = 30;
    const order = new Map<string, string[]>(groups.map((group) => [group, []]));
    const running = new Set<string>();
    const options: ProcessorOptions = { grouped: true, maxRetries: 2, retryDelay: "20ms" };
    let ended = 0;
    const finished = Promise.withResolvers<void>();
    const onTask = processor(queue, options, async (_, { id, group = "", attempt }) => {
      assert.ok(!running.has(group), `two tasks of group ${group} at once`);
      running.add(group);
      order.get(group)!.push(`${id}/${attempt}`);
      await database.sql`select 1`;
      running.delete(group);
      if (id <= groups.length && attempt < 3) throw new Error(`no. ${attempt}`);
      if (++ended === total) finished.resolve();
    });
    const ids = await enqueue(queue, ...Array.from({ length: total }, (_, i) => groups[i % 3]!));
    const workers = [1, 2].map(() => new Worker({ processors: [onTask], concurrencyLimit: 5 }));
    const runs = workers.map((worker) => worker.run());
    await finished.promise;
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(runs);
    for (const [i, group] of groups.entries()) {
      const [head, ...rest] = ids.filter((_, n) => n % 3 === i);
      const expected = [`${head}/1`, `${head}/2`, `${head}/3`, ...rest.map((id) => `${id}/1`)];
      assert.deepEqual(order.get(group), expected);
    }
    assert.equal((await queue.stats()).archived, total);
  });

  it("runs groups beside each other, as many as there is room for", async () => {
    const queue = await database.newQueue();
    await enqueue(queue, "a", "a", "b", "b", "c", "d");
    const stage = new Stage();
    const onTask = processor(queue, { grouped: true }, stage.handler);
    const workers = [1, 2].map(() =>
      new Worker({ ...patient, processors: [onTask], concurrencyLimit: 5 })
    );
    const runs = workers.map((worker) => worker.run());
    await stage.nth(4);
    assert.deepEqual(stage.begun.map(({ id }) => id).sort(), [1, 3, 5, 6]);
    stage.running().find(({ group }) => group === "a")!.end();
    assert.equal((await stage.nth(5)).id, 2);
    stage.endAll();
    assert.equal((await stage.nth(6)).id, 4);
    stage.endAll();
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(runs);
    assert.equal((await queue.stats()).archived, 6);
  });

  it("is not overtaken by a task of its group that another worker could run", async () => {
    const queue = await database.newQueue();
    await enqueue(queue, "a", "a", "b");
    const stage = new Stage();
    const options: ProcessorOptions = { grouped: true, maxRetries: 1, retryDelay: "100ms" };
    const onTask = processor(queue, options, stage.handler);
    const workers = [1, 2].map(() => new Worker({ ...patient, processors: [onTask] }));
    const runs = workers.map((worker) => worker.run());
    await stage.nth(2);
    assert.deepEqual(stage.begun.map(({ id }) => id).sort(), [1, 3]);
    stage.running().find(({ group }) => group === "a")!.end(new Error("again"));
    const again = await stage.nth(3);
    assert.deepEqual([again.id, again.attempt], [1, 2]);
    stage.endAll();
    assert.equal((await stage.nth(4)).id, 2);
    stage.endAll();
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(runs);
  });

  it("takes the newest of each group with lifo, but never while another of it runs", async () => {
    const queue = await database.newQueue();
    await enqueue(queue, "a", "a", "b");
    const stage = new Stage();
    const onTask = processor(queue, { grouped: true, lifo: true }, stage.handler);
    const worker = new Worker({ ...patient, processors: [onTask], concurrencyLimit: 5 });
    const running = worker.run();
    await stage.nth(2);
    assert.deepEqual(stage.begun.map(({ id }) => id).sort(), [2, 3]);
    await enqueue(queue, "a", "c");
    assert.equal((await stage.nth(3)).id, 5);
    stage.begun.find(({ id }) => id === 2)!.end();
    assert.equal((await stage.nth(4)).id, 4);
    stage.begun[3]!.end();
    assert.equal((await stage.nth(5)).id, 1);
    stage.endAll();
    await worker.stop();
    await running;
  });
});

describe("a processor without groups", () => {
  for (const lifo of [false, true]) {
    it(`takes the ${lifo ? "newest" : "oldest"} task first with lifo: ${lifo}`, async () => {
      const queue = await database.newQueue();
      for (let i = 0; i < 5; i++) await queue.enqueue({});
      const order: number[] = [];
      const onTask = processor(queue, { lifo }, (_, { id }) => void order.push(id));
      await new Worker({ processors: [onTask] }).drain();
      assert.deepEqual(order, lifo ? [5, 4, 3, 2, 1] : [1, 2, 3, 4, 5]);
    });

    it(`does so within a limit, too, with lifo: ${lifo}`, async () => {
      const queue = await database.newQueue();
      await queue.enqueueMany(Array(5).fill({}));
      await database.sql.unsafe(`update pgmq.q_${queue.name} set vt = now()`);
      const order: number[] = [];
      const options = { lifo, concurrencyLimit: 2 };
      const onTask = processor(queue, options, (_, { id }) => void order.push(id));
      await new Worker({ processors: [onTask], concurrencyLimit: 2 }).drain();
      assert.deepEqual(order, lifo ? [5, 4, 3, 2, 1] : [1, 2, 3, 4, 5]);
    });
  }
});
