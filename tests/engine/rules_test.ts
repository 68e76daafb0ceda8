import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import { PgtqError, processor, type ProcessorOptions, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next } from "../_support/events.ts";
import { idle } from "../_support/idle.ts";
import { farOff } from "../_support/pooler.ts";
import { Stage } from "../_support/stage.ts";

const database = fileDatabase();

/** Looks at what the others keep to every 100 ms, as their tasks come and go. */
const attentive = { lease: "300ms", pollInterval: farOff, concurrencyLimit: 9 } as const;
const patient = { lease: "1h", pollInterval: farOff, concurrencyLimit: 9 } as const;

async function queueOf(tasks: number, group?: string): Promise<Queue<unknown>> {
  const queue = await database.newQueue();
  if (tasks > 0) await queue.enqueueMany(Array(tasks).fill({}), group ? { group } : {});
  return queue;
}

/** Waits for a worker to say that its queue's workers disagree. */
async function disagreement(worker: Worker): Promise<string> {
  const { error } = await next(worker, "error");
  assert.equal(error instanceof PgtqError && error.code, "RULES_DIFFER", String(error));
  return (error as PgtqError).message;
}

describe("workers that disagree", () => {
  const others: [string, ProcessorOptions][] = [
    ["a greater limit", { concurrencyLimit: 5 }],
    ["no limit", {}],
    ["groups and no limit", { grouped: true, lifo: true }],
  ];
  for (const [what, options] of others) {
    it(`keep to the stricter limit while its tasks run, then to their own: ${what}`, async () => {
      const queue = await database.newQueue();
      for (let n = 1; n <= 9; n++) await queue.enqueue({}, { group: `group ${n}` });
      const [strict, loose] = [new Stage(), new Stage()];
      const first = new Worker({
        ...patient,
        processors: [processor(queue, { concurrencyLimit: 2 }, strict.handler)],
      });
      const second = new Worker({
        ...attentive,
        processors: [processor(queue, options, loose.handler)],
      });
      const runs = [first.run()];
      await strict.nth(2);
      const said = disagreement(second);
      runs.push((await idle(second)).running);
      assert.equal(
        await said,
        `The workers of "${queue.name}" disagree: another worker runs it with a concurrencyLimit ` +
          "of 2, and this one keeps to it: " +
          "give the processors of a queue the same options in all workers",
      );
      assert.deepEqual(loose.begun, []);
      // One slot of two is free now; the one that leaves doesn't take it, and its other task runs.
      const stopping = first.stop();
      strict.running()[0]!.end();
      await loose.nth(1);
      assert.equal(strict.running().length + loose.running().length, 2);
      strict.endAll();
      await stopping;
      await loose.until(() => loose.running().length === (options.concurrencyLimit ?? 7));
      loose.endAll();
      await loose.nth(7);
      const ending = second.stop();
      loose.endAll();
      await ending;
      await Promise.all(runs);
    });
  }

  it("keep to groups while tasks of one that does are running", async () => {
    const queue = await queueOf(3, "a");
    const [strict, loose] = [new Stage(), new Stage()];
    const first = new Worker({
      ...patient,
      processors: [processor(queue, { grouped: true }, strict.handler)],
    });
    const second = new Worker({ ...attentive, processors: [processor(queue, loose.handler)] });
    const runs = [first.run()];
    await strict.nth(1);
    const said = disagreement(second);
    runs.push((await idle(second)).running);
    assert.match(await said, /another worker runs it with grouped, and this one keeps to it/);
    assert.deepEqual(loose.begun, []);
    const stopping = first.stop();
    strict.endAll();
    await stopping;
    // By its own rules nothing speaks against both at once.
    await loose.nth(2);
    const ending = second.stop();
    loose.endAll();
    await ending;
    await Promise.all(runs);
  });

  it("say so where more tasks are in flight than their own limit", async () => {
    const queue = await queueOf(4);
    const stage = new Stage();
    const first = new Worker({
      ...patient,
      processors: [processor(queue, { concurrencyLimit: 3 }, stage.handler)],
    });
    const runs = [first.run()];
    await stage.nth(3);
    const strict = processor(queue, { concurrencyLimit: 2 }, stage.handler);
    const second = new Worker({ ...patient, processors: [strict] });
    const said = disagreement(second);
    runs.push((await idle(second)).running);
    assert.match(
      await said,
      /3 of its tasks are in flight where this worker has a concurrencyLimit of 2:/,
    );
    const stopping = Promise.all([first.stop(), second.stop()]);
    stage.endAll();
    await stopping;
    await Promise.all(runs);
  });

  it("say nothing where they agree", async () => {
    const queue = await queueOf(4);
    const stage = new Stage();
    const onTask = processor(queue, { concurrencyLimit: 2, lifo: true }, stage.handler);
    const workers = [1, 2].map(() => new Worker({ ...attentive, processors: [onTask] }));
    const errors: unknown[] = [];
    for (const worker of workers) worker.on("error", ({ error }) => errors.push(error));
    const runs = workers.map((worker) => worker.run());
    await stage.nth(2);
    stage.endAll();
    await stage.nth(4);
    const stopping = workers.map((worker) => worker.stop());
    stage.endAll();
    await Promise.all([...stopping, ...runs]);
    assert.deepEqual(errors, []);
  });
});

describe("a worker on a queue without an index", () => {
  const starting: [string, ProcessorOptions, readonly string[], boolean][] = [
    ["group", { grouped: true }, ["group"], true],
    ["group", { concurrencyLimit: 1 }, ["group"], false],
    ["running", { concurrencyLimit: 1 }, ["running"], true],
    ["both", { grouped: true, concurrencyLimit: 1 }, ["group", "running"], true],
    ["both", { lifo: true }, ["group", "running"], false],
  ];
  for (const [which, options, dropped, warns] of starting) {
    it(`of ${which} ${warns ? "warns once per start" : "needs none"}: ${Object.keys(options)}`, async () => {
      const records: LogRecord[] = [];
      await configure({
        sinks: { memory: (record) => void records.push(record) },
        loggers: [
          { category: "pgtq", sinks: ["memory"], lowestLevel: "warning" },
          { category: ["logtape", "meta"], sinks: [], lowestLevel: "fatal" },
        ],
      });
      try {
        const queue = await queueOf(3);
        for (const index of dropped) {
          await database.sql.unsafe(`drop index pgmq.q_${queue.name}_pgtq_${index}`);
        }
        const onTask = processor(queue, options, () => {});
        for (const completed of [3, 0]) {
          assert.equal((await new Worker({ processors: [onTask] }).drain()).completed, completed);
        }
        const texts = records.map(({ message }) => message.join(""));
        const text = `claims from ${queue.name} are slow as it lacks an index: ` +
          `run \`pgtq create ${queue.name}\``;
        assert.deepEqual(texts.map((line) => line.replaceAll('"', "")), warns ? [text, text] : []);
      } finally {
        await reset();
      }
    });
  }
});

describe("the options of a processor", () => {
  const wrong: [object, string][] = [
    [
      { concurrencyLimit: 0 },
      "concurrencyLimit must be a whole number of at least 1: current value is 0",
    ],
    [
      { concurrencyLimit: 1.5 },
      "concurrencyLimit must be a whole number of at least 1: current value is 1.5",
    ],
    [
      { concurrencyLimit: "3" },
      'concurrencyLimit must be a whole number of at least 1: current value is "3"',
    ],
    [
      { concurrencyLimit: null },
      "concurrencyLimit must be a whole number of at least 1: current value is null",
    ],
    [{ grouped: 1 }, "grouped must be true or false: current value is 1"],
    [{ lifo: "yes" }, 'lifo must be true or false: current value is "yes"'],
  ];
  for (const [options, text] of wrong) {
    it(`are refused: ${JSON.stringify(options)}`, async () => {
      const queue = await queueOf(0);
      const message = `Wrong option of the processor of "${queue.name}": ${text}`;
      assert.throws(() => processor(queue, options, () => {}), { name: "TypeError", message });
    });
  }

  it("may have a limit beyond what the database counts to", async () => {
    const queue = await queueOf(2);
    const onTask = processor(queue, { concurrencyLimit: Number.MAX_SAFE_INTEGER }, () => {});
    assert.equal((await new Worker({ processors: [onTask] }).drain()).completed, 2);
  });
});
