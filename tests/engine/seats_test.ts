import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, Worker } from "../../mod.ts";
import { Slots, type Tenant } from "../../src/engine/slots.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { stopClock } from "../_support/still.ts";

const database = fileDatabase();

/** A lane whose handlers are quick: what it may claim, it has. */
class Lane implements Tenant {
  hungry = true;
  running = 0;
  buffered = 0;
  settling = 0;
  asked = 0;
  started = 0;
  most = 0;
  woken = 0;
  readonly seats: number;
  readonly #slots: Slots;
  readonly #perSlot: number;
  constructor(slots: Slots, seats: number, perSlot = 20) {
    this.#slots = slots;
    this.seats = seats;
    this.#perSlot = perSlot;
    slots.add(this);
  }
  ahead = (slots: number) => slots * this.#perSlot;
  start() {
    this.buffered--;
    this.started++;
    this.most = Math.max(this.most, ++this.running);
  }
  wake() {
    this.woken++;
  }
  get grant() {
    return this.#slots.grant(this);
  }
  claim(count = this.grant) {
    this.buffered += count;
    this.#slots.fill();
    return count;
  }
  end() {
    this.running--;
    this.#slots.release();
  }
}

const slotsOf = (limit: number) => new Slots(limit, Infinity, new AbortController().signal);

describe("a lane with a limit", () => {
  it("runs no more than its seats, whatever it holds and however many slots are free", () => {
    using _ = stopClock();
    const slots = slotsOf(10);
    const lane = new Lane(slots, 3);
    assert.equal(lane.claim(50), 50);
    assert.deepEqual([lane.running, lane.buffered], [3, 47]);
    for (let left = 50; left > 0; left--) {
      lane.end();
      slots.fill();
      assert.equal(lane.running, Math.min(3, left - 1));
    }
    assert.deepEqual([lane.most, lane.started], [3, 50]);
  });

  it("is granted what its seats start in a moment, not what all slots of the worker would", () => {
    using _ = stopClock();
    const slots = slotsOf(10);
    const lane = new Lane(slots, 3);
    assert.equal(lane.claim(), 60);
    assert.equal(lane.grant, 0);
    for (let ended = 0; ended < 27; ended++) lane.end();
    assert.deepEqual([lane.buffered, lane.grant], [30, 30]);
  });

  it("is granted its free seats and no more while nothing is known of its handler", () => {
    using _ = stopClock();
    const lane = new Lane(slotsOf(10), 3, 0);
    assert.equal(lane.claim(1), 1);
    assert.equal(lane.grant, 2);
    lane.asked = 1;
    assert.equal(lane.grant, 1);
  });

  for (const hungry of [true, false]) {
    it(`keeps no open slot from others by what it holds ahead, hungry: ${hungry}`, () => {
      using _ = stopClock();
      const slots = slotsOf(6);
      const [limited, other] = [new Lane(slots, 2), new Lane(slots, Infinity, 0)];
      limited.hungry = hungry;
      limited.claim(100);
      assert.deepEqual([limited.running, other.grant > 0], [2, true]);
      while (other.grant > 0 && other.running < 4) other.claim();
      assert.deepEqual([limited.running, other.running, other.buffered], [2, 4, 0]);
      limited.end();
      assert.deepEqual([limited.running, other.running], [2, 4]);
    });
  }

  it("speaks for the slots of its seats before it has started anything", () => {
    using _ = stopClock();
    const slots = slotsOf(6);
    const [limited, other] = [new Lane(slots, 2, 0), new Lane(slots, Infinity, 0)];
    limited.hungry = false;
    limited.asked = 2;
    assert.equal(other.grant, 4);
    limited.asked = 500; // a claim ahead of time: no more of it than two are going to run
    assert.equal(other.grant, 4);
  });

  it("claims nothing ahead while another lane is hungry, or has tasks that wait", () => {
    using _ = stopClock();
    const slots = slotsOf(4);
    const [limited, other] = [new Lane(slots, 2), new Lane(slots, Infinity)];
    other.hungry = false;
    assert.equal(limited.grant > 2, true, `${limited.grant}`);
    other.hungry = true;
    assert.equal(limited.grant, 2);
    limited.claim(2);
    assert.equal(limited.grant, 0);
    other.hungry = false;
    other.buffered = 1;
    assert.equal(limited.grant, 0);
    other.buffered = 0;
    assert.equal(limited.grant > 2, true, `${limited.grant}`);
  });

  it("goes ahead again as soon as the others rest", () => {
    using _ = stopClock();
    const slots = slotsOf(4);
    const [limited, other] = [new Lane(slots, 1), new Lane(slots, Infinity)];
    limited.claim(1);
    slots.offer();
    assert.equal(limited.woken, 0);
    other.hungry = false;
    slots.offer();
    assert.equal(limited.woken, 1);
    assert.equal(limited.grant, 20);
  });

  it("never runs more than its seats beside others, whoever ends in whatever order", () => {
    using _ = stopClock();
    const slots = slotsOf(7);
    const lanes = [new Lane(slots, 1), new Lane(slots, 3), new Lane(slots, Infinity, 2)];
    let seed = 11;
    const chance = (below: number) => (seed = seed * 16807 % 2147483647) % below;
    for (let step = 0; step < 3000; step++) {
      const lane = lanes[chance(3)]!;
      const kind = chance(4);
      if (kind === 0) lane.claim(Math.min(lane.grant, 1 + chance(30)));
      else if (kind === 1) lane.hungry = !lane.hungry;
      else if (lane.running > 0) lane.end();
      assert.ok(lanes.every(({ most, seats }) => most <= seats));
      assert.ok(lanes.reduce((sum, { running }) => sum + running, 0) <= 7);
    }
    assert.ok(
      lanes.every(({ started }) => started > 100),
      `${lanes.map(({ started }) => started)}`,
    );
  });
});

/** Uses up time: what a task takes at least, on any machine. */
function spin(ms: number) {
  for (const end = performance.now() + ms; performance.now() < end;);
}

describe("while tasks run that return at once", () => {
  it("the event loop gets its turn: what was due soon is not kept until all are done", async () => {
    const tasks = 10_000;
    const slots = slotsOf(10);
    const { promise, resolve } = Promise.withResolvers<void>();
    const lane = new Lane(slots, Infinity);
    lane.start = () => {
      lane.buffered--;
      lane.running++;
      spin(0.01);
      queueMicrotask(() => {
        if (++lane.started === tasks) resolve();
        lane.end();
      });
    };
    const seen: Record<string, number> = {};
    setImmediate(() => seen.immediate = lane.started);
    setTimeout(() => seen.timer = lane.started, 0);
    lane.claim(tasks);
    await promise;
    // All of them take 100 ms or more, of which a turn may have 2.
    assert.ok(seen.immediate! < tasks / 2, `${seen.immediate} done before the immediate`);
    assert.ok(seen.timer! < tasks / 2, `${seen.timer} done before the timer`);
    assert.deepEqual([lane.started, lane.running], [tasks, 0]);
  });

  it("the event loop of a worker gets its turn, too, many times within one claim", async () => {
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(10_000).fill({}));
    let [done, turns, most, since] = [0, 0, 0, 0];
    const turn = () => {
      turns++;
      most = Math.max(most, done - since);
      since = done;
      if (done < 10_000) setImmediate(turn);
    };
    const onTask = processor(queue, () => {
      if (done++ === 0) setImmediate(turn);
      spin(0.05);
    });
    const worker = new Worker({ processors: [onTask], concurrencyLimit: 10 });
    assert.equal((await worker.drain()).completed, 10_000);
    // In 2 ms no more than 40 of them can begin, and those that were running end.
    assert.ok(most <= 100, `${most} in one turn, ${turns} turns`);
  });
});

describe("a lane with quick handlers", () => {
  it("doesn't claim on while results are slow to write", () => {
    using _ = stopClock();
    const lane = new Lane(slotsOf(10), Infinity, 1000);
    assert.equal(lane.claim(), 500);
    lane.settling = 1600;
    while (lane.running > 0) lane.end(); // each lets another one start
    assert.deepEqual([lane.buffered, lane.grant], [0, 10]); // for its slots, but none ahead
    lane.settling = 1000;
    assert.equal(lane.grant, 500);
  });
});
