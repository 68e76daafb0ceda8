import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Backlog } from "../../src/engine/backlog.ts";
import { now } from "../../src/engine/clock.ts";
import type { Held } from "../../src/engine/lease.ts";

const hour = 3_600_000;

/** A task claimed just now, or an hour ago: between the two no test is going to be. */
function held(id: number, old = false): Held {
  const delivery = { id, deliveries: 1, enqueuedAt: new Date(0), message: null, headers: {} };
  const claimedAt = old ? now() - hour : now() + hour;
  const rest = { attempt: 1, leaseUntil: Infinity, settling: false, superseded: false };
  return { delivery, claimedAt, ...rest };
}

const backlogOf = (tasks: readonly Held[]) => {
  const backlog = new Backlog();
  for (const task of tasks) backlog.add(task);
  return backlog;
};
const some = (count: number, old = 0) =>
  Array.from({ length: count }, (_, n) => held(n + 1, n < old));
const ids = (tasks: readonly Held[]) => tasks.map(({ delivery }) => delivery.id);
const rest = (backlog: Backlog) => ids(Array.from({ length: backlog.size }, () => backlog.next()));

describe("a backlog", () => {
  it("hands tasks out in the order of their claims, also where more come in between", () => {
    const backlog = backlogOf(some(3));
    assert.deepEqual([backlog.next(), backlog.next()].map(({ delivery }) => delivery.id), [1, 2]);
    backlog.add(held(4));
    assert.deepEqual([backlog.size, rest(backlog), backlog.size], [2, [3, 4], 0]);
    backlog.add(held(5));
    assert.deepEqual([backlog.size, rest(backlog)], [1, [5]]);
  });

  it("loses a task wherever it is, and no other", () => {
    for (const gone of [0, 1, 2, 3]) {
      const tasks = some(5);
      const backlog = backlogOf(tasks);
      assert.equal(backlog.next(), tasks[0]);
      backlog.lose(tasks[gone + 1]!);
      assert.equal(backlog.size, 3);
      assert.deepEqual(rest(backlog), [2, 3, 4, 5].filter((id) => id !== gone + 2));
    }
  });

  it("doesn't lose what has left already, what never came, or another delivery of a task", () => {
    const tasks = some(3);
    const backlog = backlogOf(tasks);
    backlog.next();
    for (const other of [tasks[0]!, held(9), held(2)]) backlog.lose(other);
    assert.deepEqual(rest(backlog), [2, 3]);
  });

  it("goes on after its last one was lost", () => {
    const tasks = some(2);
    const backlog = backlogOf(tasks);
    backlog.next();
    backlog.lose(tasks[1]!);
    assert.deepEqual([backlog.size, backlog.takeStale(), backlog.takeAll()], [0, [], []]);
    backlog.add(held(3));
    assert.deepEqual([backlog.size, rest(backlog)], [1, [3]]);
  });

  for (const old of [0, 1, 3, 5]) {
    it(`gives back what has waited for too long, ${old} of 5, and keeps the rest in order`, () => {
      const backlog = backlogOf(some(5, old));
      assert.deepEqual(ids(backlog.takeStale()), [1, 2, 3, 4, 5].slice(0, old));
      assert.equal(backlog.size, 5 - old);
      assert.deepEqual(backlog.takeStale(), []);
      backlog.add(held(6));
      assert.deepEqual(rest(backlog), [...[1, 2, 3, 4, 5].slice(old), 6]);
    });
  }

  it("gives back nothing that has started or is lost, however old", () => {
    const tasks = some(6, 4);
    const backlog = backlogOf(tasks);
    backlog.next();
    backlog.lose(tasks[2]!);
    assert.deepEqual(ids(backlog.takeStale()), [2, 4]);
    backlog.lose(tasks[5]!);
    assert.deepEqual(ids(backlog.takeAll()), [5]);
    assert.equal(backlog.size, 0);
  });

  it("does in any order what a list would do", () => {
    let seed = 7;
    const chance = (below: number) => (seed = seed * 16807 % 2147483647) % below;
    const backlog = new Backlog();
    let list: Held[] = [];
    const all: Held[] = [];
    for (let step = 0; step < 5000; step++) {
      switch (chance(8)) {
        case 0:
        case 1:
        case 2: {
          const task = held(
            step,
            !list.some(({ claimedAt }) => claimedAt > now()) && chance(3) === 0,
          );
          all.push(task);
          list.push(task);
          backlog.add(task);
          break;
        }
        case 3:
        case 4:
          if (list.length > 0) assert.equal(backlog.next(), list.shift());
          break;
        case 5: {
          const lost = all[chance(all.length || 1)];
          if (lost) backlog.lose(lost);
          list = list.filter((task) => task !== lost);
          break;
        }
        case 6: {
          const stale = list.filter(({ claimedAt }) => claimedAt < now());
          assert.deepEqual(backlog.takeStale(), stale);
          list = list.filter((task) => !stale.includes(task));
          break;
        }
        case 7:
          if (chance(10) === 0) assert.deepEqual(backlog.takeAll(), list.splice(0));
      }
      assert.equal(backlog.size, list.length);
    }
  });
});
