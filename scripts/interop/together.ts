/**
 * Both workers at once on one queue.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Check } from "./checks.ts";
import type { Shared, Stage } from "./stage.ts";

/** Resolves once a task has been read so often. */
function read({ python, until }: Shared, id: string, count: number): Promise<void> {
  return until(async () => {
    return (await python.rows("queue")).find((row) => row.id === id)!.read_ct >= count;
  });
}

async function statuses({ python }: Shared): Promise<unknown[]> {
  return [...new Set((await python.rows("archive")).map((row) => row.headers!["x-pgtq-status"]))];
}

async function weWaitForThem(stage: Stage): Promise<void> {
  const shared = await stage.shared("single");
  await shared.queue.enqueue(shared.task(1, { holds: "python" }));
  await using worker = shared.worker();
  await worker.hear();
  await shared.queue.enqueue(shared.task(2));
  await shared.ours({ concurrencyLimit: 1 }).drain();
  assert.deepEqual(await shared.runs(), [{ who: "python", n: 1 }]);
  worker.say("");
  await shared.archived(1);
  await using ours = shared.ours({ concurrencyLimit: 1 });
  ours.start();
  await shared.archived(2);
  assert.deepEqual([await statuses(shared), await shared.most()], [["completed"], 1]);
}

async function theyWaitForUs(stage: Stage): Promise<void> {
  const shared = await stage.shared("single");
  await shared.queue.enqueue(shared.task(1, { holds: "ours" }));
  await using ours = shared.ours({ concurrencyLimit: 1 });
  ours.start();
  await ours.holding;
  assert.equal(await shared.ask({ do: "processing_count" }), 1);
  await shared.queue.enqueue(shared.task(2));
  await using _ = shared.worker();
  await read(shared, "2", 2);
  assert.deepEqual(await shared.runs(), [{ who: "ours", n: 1 }]);
  ours.release();
  await shared.archived(2);
  assert.deepEqual([await statuses(shared), await shared.most()], [["completed"], 1]);
}

async function theyHadNoRoom(stage: Stage): Promise<void> {
  const shared = await stage.shared("single");
  await shared.queue.enqueue(shared.task(1, { holds: "ours" }));
  await using ours = shared.ours({ concurrencyLimit: 1 });
  ours.start();
  await ours.holding;
  await shared.queue.enqueue(shared.task(2));
  const worker = shared.worker();
  await read(shared, "2", 8);
  await worker.end();
  ours.release();
  await shared.archived(2);
  assert.deepEqual(await statuses(shared), ["completed"]);
}

async function oneLimit(stage: Stage): Promise<void> {
  const shared = await stage.shared("limited");
  await using first = shared.worker();
  await using second = shared.worker();
  await shared.queue.enqueueMany([0, 1].map((n) => shared.task(n, { holds: "python" })));
  await Promise.all([first.hear(), second.hear()]);
  await using ours = shared.ours({ concurrencyLimit: 2 }, { concurrencyLimit: 1 });
  ours.start();
  for (let n = 2; n < 32; n++) await shared.queue.enqueue(shared.task(n, { seconds: 0.1 }));
  for (const worker of [first, second]) worker.say("");
  await shared.archived(32);
  const runs = await shared.runs();
  assert.deepEqual(await statuses(shared), ["completed"]);
  assert.equal(new Set(runs.map(({ n }) => n)).size, 32);
  assert.ok(runs.filter(({ who }) => who === "python").length > 2, "Python took part");
  assert.ok(runs.some(({ who }) => who === "ours"), "we took part");
  // Python counts first and begins afterwards: each of its workers can come one too late.
  const most = await shared.most();
  assert.ok(most <= 4, `${most} ran at once`);
}

async function oneGroup(stage: Stage): Promise<void> {
  const shared = await stage.shared("grouped");
  const groups = 3;
  for (let n = 0; n < 8 * groups; n++) {
    const task = shared.task(n, n === 0 ? { holds: "python" } : { seconds: 0.2 });
    await shared.queue.enqueue(task, { group: `g${n % groups}` });
  }
  await using worker = shared.worker();
  await worker.hear();
  await using ours = shared.ours({ grouped: true }, { concurrencyLimit: groups - 1 });
  ours.start();
  await shared.archived(1);
  worker.say("");
  await shared.archived(8 * groups);
  const runs = await shared.runs();
  for (let group = 0; group < groups; group++) {
    const order = runs.map(({ n }) => n).filter((n) => n % groups === group);
    assert.deepEqual(order, Array.from({ length: 8 }, (_, turn) => turn * groups + group));
  }
  assert.equal(await shared.most(groups), 1);
  assert.ok(runs.filter(({ who }) => who === "python").length > 1, "Python took part");
  assert.ok(runs.some(({ who }) => who === "ours"), "we took part");
}

async function keys(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  const enqueue = () => shared.queue.enqueue(shared.task(1, { holds: "python" }), { key: "one" });
  assert.equal(await enqueue(), 1);
  await using worker = shared.worker();
  await worker.hear();
  assert.equal(await enqueue(), 1);
  worker.say("");
  await shared.archived(1);
  assert.ok(await enqueue() > 1);
}

/** The checks of this file. */
export const together: readonly Check[] = [
  ["at the limit through Python: we wait", weWaitForThem],
  ["at the limit through us: Python waits", theyWaitForUs],
  ["what Python had no room for, however often: we still process it", theyHadNoRoom],
  ["two Python workers and ours within one limit", oneLimit],
  ["a Python worker and ours: one at a time and in order within each group", oneGroup],
  ["a key holds while Python works on its task, and no longer", keys],
];
