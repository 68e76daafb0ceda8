import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { processor, type ProcessorOptions, type Queue, Worker } from "../../mod.ts";
import { blocked } from "../_support/blocked.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { idle } from "../_support/idle.ts";
import { farOff } from "../_support/pooler.ts";
import { runScript } from "../_support/runtime.ts";
import { Stage } from "../_support/stage.ts";

const database = fileDatabase();

/** Long enough that nothing happens by it; what happens is by notification. */
const patient = { pollInterval: farOff, lease: "1h" } as const;

async function queueOf(tasks: number): Promise<Queue<unknown>> {
  const queue = await database.newQueue();
  if (tasks > 0) await queue.enqueueMany(Array(tasks).fill({}));
  return queue;
}

describe("a limit on a queue", () => {
  it("is never exceeded over all workers, and used while there is work", async () => {
    const queue = await queueOf(60);
    const stage = new Stage();
    const onTask = processor(queue, { concurrencyLimit: 4 }, stage.handler);
    const workers = [1, 2, 3].map(() =>
      new Worker({ ...patient, processors: [onTask], concurrencyLimit: 3 })
    );
    const runs = workers.map((worker) => worker.run());
    for (let ended = 0; ended <= 56; ended++) {
      // The full number again after every single one that ends.
      await stage.until(() => stage.begun.length === ended + 4);
      stage.running()[ended % 4]!.end();
    }
    stage.endAll();
    await Promise.all(workers.map((worker) => worker.stop()));
    await Promise.all(runs);
    assert.equal(stage.most, 4);
    assert.equal((await queue.stats()).archived, 60);
  });

  it("holds with handlers that return at once: what a worker holds ahead doesn't count", async () => {
    const queue = await queueOf(300);
    let [running, most] = [0, 0];
    const onTask = processor(queue, { concurrencyLimit: 2 }, async () => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
    });
    const flying: number[] = [];
    const workers = [1, 2, 3].map(() => new Worker({ processors: [onTask], concurrencyLimit: 10 }));
    workers[0]!.on("claimed", async () => {
      const [row] = await database.sql.unsafe(
        `select coalesce(sum(flying), 0)::int as count from (
          select least(count(*), max((headers #>> '{x-pgtq-rules,seats}')::int)) as flying
          from pgmq.q_${queue.name} where headers ->> 'x-pgtq-status' = 'processing'
          group by headers #>> '{x-pgtq-rules,worker}'
        ) workers`,
      );
      flying.push(row!.count);
    });
    const results = await Promise.all(workers.map((worker) => worker.drain()));
    assert.equal(results.reduce((sum, { completed }) => sum + completed, 0), 300);
    assert.equal(most <= 2, true, `${most} at once`);
    assert.equal(flying.every((count) => count <= 2), true, `${flying}`);
  });

  it("holds together with groups", async () => {
    const queue = await database.newQueue();
    for (const group of ["a", "a", "b", "b", "c", "c"]) await queue.enqueue({}, { group });
    const stage = new Stage();
    const options: ProcessorOptions = { concurrencyLimit: 2, grouped: true };
    const onTask = processor(queue, options, stage.handler);
    const worker = new Worker({ ...patient, processors: [onTask], concurrencyLimit: 5 });
    const running = worker.run();
    for (let ended = 0; ended < 4; ended++) {
      await stage.until(() => stage.running().length === 2);
      const [first, second] = stage.running();
      assert.equal(first!.group === second!.group, false);
      first!.end();
    }
    await stage.nth(6);
    stage.endAll();
    await worker.stop();
    await running;
    assert.equal(stage.most, 2);
  });

  describe("gives its room to another worker that waits, at once", () => {
    it("when the slot of the one that had it goes to another queue", async () => {
      const [queue, other] = [await queueOf(2), await queueOf(0)];
      const stage = new Stage();
      const onTask = processor(queue, { concurrencyLimit: 1 }, stage.handler);
      const first = new Worker({
        ...patient,
        processors: [onTask, processor(other, stage.handler)],
      });
      const runs = [first.run()];
      const { end } = await stage.nth(1);
      await other.enqueueMany(Array(5).fill({}));
      const second = new Worker({ ...patient, processors: [onTask] });
      runs.push((await idle(second)).running);
      end();
      await stage.nth(3);
      assert.deepEqual(
        stage.running().map((scene) => scene.queue).sort(),
        [queue.name, other.name].sort(),
      );
      assert.equal(stage.running(queue.name)[0]!.id, 2);
      const stopping = Promise.all([first.stop(), second.stop()]);
      stage.endAll();
      await stopping;
      await Promise.all(runs);
    });

    it("when the one that had it stops", async () => {
      const queue = await queueOf(2);
      const stage = new Stage();
      const onTask = processor(queue, { concurrencyLimit: 1 }, stage.handler);
      const [first, second] = [1, 2].map(() => new Worker({ ...patient, processors: [onTask] }));
      const runs = [first!.run()];
      const { end } = await stage.nth(1);
      runs.push((await idle(second!)).running);
      const stopping = first!.stop();
      end();
      assert.equal((await stage.nth(2)).id, 2);
      stage.endAll();
      await Promise.all([stopping, second!.stop()]);
      await Promise.all(runs);
    });

    it("when the one that had it stops while its result is being written", async () => {
      const queue = await queueOf(2);
      const stage = new Stage();
      const onTask = processor(queue, { concurrencyLimit: 1 }, stage.handler);
      await using first = new Worker({ ...patient, processors: [onTask] });
      await using second = new Worker({ ...patient, processors: [onTask] });
      const runs = [first.run()];
      const { end } = await stage.nth(1);
      runs.push((await idle(second)).running);
      let stopping: Promise<void> | undefined;
      await database.sql.begin(async (tx) => {
        await tx.unsafe(`lock table pgmq.a_${queue.name} in exclusive mode`);
        end();
        await blocked(database.sql);
        stopping = first.stop();
      });
      assert.equal((await stage.nth(2)).id, 2);
      stage.endAll();
      await Promise.all([stopping, second.stop()]);
      await Promise.all(runs);
    });

    it("when the one that had it has done what it was to do", async () => {
      const queue = await queueOf(2);
      const stage = new Stage();
      const onTask = processor(queue, { concurrencyLimit: 1 }, stage.handler);
      const [first, second] = [1, 2].map(() => new Worker({ ...patient, processors: [onTask] }));
      const drained = first!.drain({ maxTasks: 1 });
      const { end } = await stage.nth(1);
      const { running } = await idle(second!);
      end();
      assert.equal((await stage.nth(2)).id, 2);
      assert.deepEqual(await drained, { completed: 1, retried: 0, dead: 0 });
      stage.endAll();
      await second!.stop();
      await running;
    });

    it("when the one that had it gives its slot to another queue", async () => {
      const [queue, other] = [await database.newQueue(), await queueOf(5)];
      for (const group of ["a", "a"]) await queue.enqueue({}, { group });
      const stage = new Stage();
      const onTask = processor(queue, { grouped: true }, stage.handler);
      const processors = [onTask, processor(other, stage.handler)];
      const first = new Worker({ ...patient, processors });
      const runs = [first.run()];
      let count = 1;
      // Both queues have tasks from the start: the one that comes second gets the next slot.
      if ((await stage.nth(1)).queue === other.name) await (await stage.nth(count++)).endSlowly();
      const { queue: name, endSlowly } = await stage.nth(count);
      assert.equal(name, queue.name);
      const second = new Worker({ ...patient, processors: [onTask] });
      runs.push((await idle(second)).running);
      await endSlowly();
      await stage.nth(count + 2);
      assert.deepEqual(stage.running(queue.name).map(({ id }) => id), [2]);
      assert.equal(stage.running(other.name).length, 1);
      const stopping = Promise.all([first.stop(), second.stop()]);
      stage.endAll();
      await stopping;
      await Promise.all(runs);
    });
  });

  it("gets back what a killed worker had of it, with its lease", async () => {
    const queue = await queueOf(3);
    const script = fileURLToPath(new URL("../_support/strict_process.ts", import.meta.url));
    const rules = { concurrencyLimit: 2, maxRetries: 3 };
    const [command, parameters] = runScript(
      script,
      database.url,
      queue.name,
      JSON.stringify(rules),
    );
    const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(child, "exit");
    let claimed = 0;
    for await (const _ of createInterface({ input: child.stdout! })) if (++claimed === 2) break;
    process.kill(child.pid!, "SIGKILL");
    await ended;

    const stage = new Stage();
    const onTask = processor(queue, rules, stage.handler);
    // Its own look is far away: it knows by the lease when to look.
    const worker = new Worker({ ...patient, processors: [onTask], concurrencyLimit: 5 });
    const running = worker.run();
    await stage.nth(2);
    stage.endAll();
    await stage.nth(3);
    const begun = stage.begun.map(({ id, attempt }) => `${id}/${attempt}`);
    assert.deepEqual(begun.sort(), ["1/1", "2/1", "3/1"]);
    const stopping = worker.stop();
    stage.endAll();
    await stopping;
    await running;
    assert.equal(stage.most, 2);
  });
});
