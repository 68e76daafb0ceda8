import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type ProcessorOptions, type Queue, Worker } from "../../mod.ts";
import { Slots, type Tenant } from "../../src/engine/slots.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next } from "../_support/events.ts";
import { farOff } from "../_support/pooler.ts";
import { stopClock } from "../_support/still.ts";
import { Stage } from "../_support/stage.ts";

const database = fileDatabase();

const patient = { pollInterval: farOff, lease: "1h", concurrencyLimit: 4 } as const;

async function queueOf(tasks: number): Promise<Queue<unknown>> {
  const queue = await database.newQueue();
  if (tasks > 0) await queue.enqueueMany(Array(tasks).fill({}));
  return queue;
}

/** Runs one worker on these queues, whose handlers all end when the test says so. */
async function share(
  queues: readonly (Queue<unknown> | readonly [Queue<unknown>, ProcessorOptions])[],
  use: (stage: Stage, looked: Promise<void>) => Promise<void>,
): Promise<Stage> {
  const stage = new Stage();
  const processors = queues.map((given) => {
    const [queue, options] = Array.isArray(given) ? given : [given, {}];
    return processor(queue as Queue<unknown>, options as ProcessorOptions, stage.handler);
  });
  const worker = new Worker({ ...patient, processors });
  const looked = idleTwice(worker, queues.length);
  const running = worker.run();
  await use(stage, looked);
  const stopping = worker.stop();
  stage.endAll();
  await stopping;
  await running;
  assert.ok(stage.most <= patient.concurrencyLimit, `${stage.most} at once`);
  return stage;
}

/** When a worker hears of something is not for us to say, but after a few slots it must have. */
async function untilRunning(stage: Stage, waiting: Queue<unknown>, busy: Queue<unknown>) {
  for (let ended = 0; stage.running(waiting.name).length === 0; ended++) {
    assert.ok(ended < 20, `nothing of ${waiting.name} in ${ended} slots`);
    await stage.running(busy.name)[0]!.endSlowly();
    await stage.until(() => stage.running().length === patient.concurrencyLimit);
  }
}

/** Waits for two looks in vain at each queue: the second one comes with listening. */
async function idleTwice(worker: Worker, queues: number): Promise<void> {
  let looks = 0;
  await next(worker, "idle", () => ++looks === 2 * queues);
}

const countsOf = (stage: Stage, queues: readonly Queue<unknown>[]) =>
  queues.map(({ name }) => stage.running(name).length);

describe("a worker with several queues", () => {
  for (const quietFirst of [true, false]) {
    it(`gives a quiet one the next slot, once it has heard of its task, quiet first: ${quietFirst}`, async () => {
      const [busy, quiet] = [await queueOf(0), await queueOf(0)];
      await share(quietFirst ? [quiet, busy] : [busy, quiet], async (stage, looked) => {
        await looked;
        await busy.enqueueMany(Array(200).fill({}));
        await stage.nth(4);
        for (let round = 0; round < 5; round++) {
          await quiet.enqueue({});
          await untilRunning(stage, quiet, busy);
          await stage.running(quiet.name)[0]!.endSlowly();
          await stage.until(() => stage.running().length === 4);
        }
      });
    });
  }

  it("has them all run at the same time, however much there is in each", async () => {
    const queues = [await queueOf(40), await queueOf(40), await queueOf(40)];
    await share(queues, async (stage) => {
      await stage.nth(4);
      assert.ok(countsOf(stage, queues).every((count) => count >= 1), `${countsOf(stage, queues)}`);
      for (let ended = 0; ended < 40; ended++) {
        // The oldest run ends, as it would if all took equally long.
        await stage.running()[0]!.endSlowly();
        await stage.nth(ended + 5);
      }
      const shares = queues.map(({ name }) =>
        stage.begun.filter(({ queue }) => queue === name).length
      );
      for (const part of shares) assert.ok(part >= 10 && part <= 20, `${shares}`);
    });
  });

  it("gives all slots to one while the others have nothing to do", async () => {
    const queues = [await queueOf(0), await queueOf(40), await queueOf(0)];
    await share(queues, async (stage) => {
      await stage.nth(4);
      assert.deepEqual(countsOf(stage, queues), [0, 4, 0]);
    });
  });

  it("holds no slots for one that has reached its limit", async () => {
    const [limited, free] = [await queueOf(20), await queueOf(200)];
    await share([[limited, { concurrencyLimit: 1 }], free], async (stage) => {
      await stage.until(() => stage.running().length === 4);
      assert.deepEqual(countsOf(stage, [limited, free]), [1, 3]);
      for (let round = 0; round < 4; round++) {
        // While the result is being written, its slot is of use to others.
        await stage.running(limited.name)[0]!.endSlowly();
        await stage.until(() => stage.running().length === 4);
        await untilRunning(stage, limited, free);
      }
      assert.equal(countsOf(stage, [limited])[0], 1);
    });
  });

  it("holds no slots for one whose limit another worker uses up", async () => {
    const [limited, free] = [await queueOf(20), await queueOf(200)];
    const elsewhere = new Stage();
    const onLimited = processor(limited, { concurrencyLimit: 1 }, elsewhere.handler);
    const other = new Worker({ ...patient, processors: [onLimited] });
    const running = other.run();
    await elsewhere.nth(1);
    await share([[limited, { concurrencyLimit: 1 }], free], async (stage) => {
      await stage.until(() => stage.running().length === 4);
      assert.deepEqual(countsOf(stage, [limited, free]), [0, 4]);
    });
    const stopping = other.stop();
    elsewhere.endAll();
    await stopping;
    await running;
  });

  it("holds no slots for one whose groups are all running", async () => {
    const [grouped, free] = [await queueOf(20), await queueOf(20)];
    await share([[grouped, { grouped: true }], free], async (stage) => {
      await stage.until(() => stage.running().length === 4);
      assert.deepEqual(countsOf(stage, [grouped, free]), [1, 3]);
    });
  });

  it("claims nothing that can't start: others find it", async () => {
    const queue = await queueOf(6);
    const stage = await share([queue, await queueOf(0)], async (stage) => {
      await stage.nth(4);
      const other = new Stage();
      const worker = new Worker({ ...patient, processors: [processor(queue, other.handler)] });
      const running = worker.run();
      await other.nth(2);
      const stopping = worker.stop();
      other.endAll();
      await stopping;
      await running;
    });
    assert.equal(stage.begun.length, 4);
  });
});

describe("Slots", () => {
  /** A lane that has claimed as much as it may whenever it is woken. */
  class Lane implements Tenant {
    seats = Infinity;
    hungry = true;
    running = 0;
    buffered = 0;
    settling = 0;
    asked = 0;
    readonly #slots: Slots;
    constructor(slots: Slots) {
      this.#slots = slots;
      slots.add(this);
    }
    ahead = () => 0;
    start() {
      this.buffered--;
      this.running++;
    }
    wake() {
      this.buffered += this.#slots.grant(this);
      this.#slots.fill();
    }
    end() {
      this.running--;
      this.#slots.release();
    }
  }

  const lanes = (count: number, limit: number) => {
    const slots = new Slots(limit, Infinity, new AbortController().signal);
    return Array.from({ length: count }, () => new Lane(slots));
  };

  it("offer the next one to who has waited longest", () => {
    using _ = stopClock();
    const [busy, quiet, third] = lanes(3, 4);
    for (const lane of [quiet!, third!]) lane.hungry = false;
    for (let i = 0; i < 4; i++) busy!.wake();
    assert.equal(busy!.running, 4);
    for (const lane of [quiet!, third!]) lane.hungry = true;
    const counts = () => [busy, quiet, third].map((lane) => lane!.running);
    busy!.end();
    assert.deepEqual(counts(), [3, 1, 0]);
    busy!.end();
    assert.deepEqual(counts(), [2, 1, 1]);
    quiet!.end();
    assert.deepEqual(counts(), [3, 0, 1]);
    third!.end();
    assert.deepEqual(counts(), [3, 1, 0]);
  });

  it("grant each an equal part of what is open", () => {
    using _ = stopClock();
    const [first, second] = lanes(2, 5);
    first!.wake();
    assert.equal(first!.running, 3);
    second!.wake();
    assert.equal(second!.running, 1); // half of what is open, as the other one may want it, too
    second!.wake();
    assert.equal(second!.running, 2);
  });
});
