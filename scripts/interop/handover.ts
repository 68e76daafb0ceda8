/**
 * Tasks that one side begins and the other ends.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Check } from "./checks.ts";
import type { Shared, Stage } from "./stage.ts";

async function statuses({ python }: Shared) {
  return (await python.rows("archive")).map(({ id, headers }) => [id, headers!["x-pgtq-status"]]);
}

async function weComplete(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  await shared.ask({ do: "enqueue", task: shared.task(1) });
  await shared.ask({ do: "enqueue", task: shared.task(2), group: "vip" });
  const [plain, grouped] = await shared.python.rows("queue");
  assert.deepEqual([plain!.headers, grouped!.headers], [null, { "x-pgmq-group": "vip" }]);
  await shared.ours().drain();
  assert.deepEqual(await statuses(shared), [["1", "completed"], ["2", "completed"]]);
  assert.deepEqual(await shared.ask({ do: "archived" }), [[1, shared.task(1)], [
    2,
    shared.task(2),
  ]]);
}

async function theyComplete(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  await shared.queue.enqueue(shared.task(1));
  await shared.queue.enqueue(shared.task(2), { group: "vip", headers: { mine: [1] } });
  await using worker = shared.worker();
  for (const n of [1, 2]) assert.deepEqual((await worker.hear()).began, shared.task(n));
  await shared.archived(2);
  assert.deepEqual((await shared.python.rows("archive")).map(({ known }) => known), [
    { "x-pgtq-status": "completed" },
    { "x-pgtq-status": "completed", "x-pgmq-group": "vip", mine: [1] },
  ]);
}

async function theyWait(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  await using worker = shared.worker();
  await shared.queue.enqueue(shared.task(1), { delay: 2 });
  await worker.hear();
  const [row] = await stage.sql<{ early: boolean }[]>`
    select last_read_at < enqueued_at + interval '2 s' as early from pgmq.q_once
    union all select last_read_at < enqueued_at + interval '2 s' from pgmq.a_once`;
  assert.equal(row!.early, false);
}

async function weRetryTheyFinish(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  await shared.ask({ do: "enqueue", task: shared.task(1, { fails: "ours" }), group: "vip" });
  const ours = shared.ours({ maxRetries: 3, retryDelay: 1 });
  const retried = ours.next("retried");
  ours.start();
  await retried;
  await ours[Symbol.asyncDispose]();
  await using worker = shared.worker();
  await worker.hear();
  await shared.archived(1);
  const [row] = await shared.python.rows("archive");
  const { "x-pgtq-errors": errors, "x-pgtq-status": status, "x-pgmq-group": group } = row!.headers!;
  assert.deepEqual([errors, status, group], [["Error: ours"], "completed", "vip"]);
}

async function theyRetryWeFinish(stage: Stage): Promise<void> {
  const shared = await stage.shared("twice");
  await shared.queue.enqueue(shared.task(1, { fails: "python" }), { group: "vip" });
  await using worker = shared.worker();
  await worker.hear();
  await shared.until(async () => (await shared.python.rows("queue"))[0]!.hidden > 10 ** 9);
  await worker.end();
  assert.deepEqual((await shared.queue.list()).map(({ state, errors }) => [state, errors]), [
    ["delayed", ["theirs"]],
  ]);
  await shared.python.elapse("1");
  const ours = shared.ours({ maxRetries: 2 });
  const completed = ours.next("completed");
  await ours.drain();
  assert.equal((await completed).attempt, 2);
  const [row] = await shared.python.rows("archive");
  assert.deepEqual([row!.headers!["x-pgtq-errors"], row!.read_ct], [["theirs"], 2]);
}

async function weBuryTheyReschedule(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  await shared.ask({ do: "enqueue", task: shared.task(1, { fails: "ours" }), group: "vip" });
  await shared.ours().drain();
  assert.equal(await shared.ask({ do: "reschedule", id: 1 }), "2");
  const [letter] = await shared.python.rows("dlq archive");
  assert.equal(letter!.headers!["x-pgtq-retry"], "2");
  await using worker = shared.worker();
  await worker.hear();
  await shared.archived(2);
  assert.deepEqual(await statuses(shared), [["1", "failed"], ["2", "completed"]]);
  const [failed, redriven] = await shared.python.rows("archive");
  assert.equal(failed!.headers!["x-pgtq-dlq"], "1");
  assert.equal(redriven!.headers!["x-pgtq-original"], "1");
}

async function theyBuryWeRedrive(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  const task = shared.task(1, { fails: "python" });
  await shared.queue.enqueue(task);
  await using worker = shared.worker();
  await worker.hear();
  await shared.archived(1);
  await worker.end();
  const [letter] = await shared.python.rows("dlq");
  assert.deepEqual([letter!.headers, letter!.message], [
    null,
    { msg_id: 1, queue_name: "once", message: task, errors: ["theirs"] },
  ]);
  assert.deepEqual((await shared.python.rows("archive"))[0]!.known, {
    "x-pgtq-status": "failed",
    "x-pgtq-errors": ["theirs"],
    "x-pgtq-dlq": "1",
  });
  assert.deepEqual((await shared.queue.dlq.list()).map(({ task, errors }) => [task, errors]), [
    [task, ["theirs"]],
  ]);
  assert.equal(await shared.queue.redrive(1), 2);
  assert.equal((await shared.python.rows("dlq archive"))[0]!.headers!["x-pgtq-retry"], "2");
  await shared.ours().drain();
  assert.deepEqual(await statuses(shared), [["1", "failed"], ["2", "completed"]]);
}

async function weTakeOver(stage: Stage): Promise<void> {
  const shared = await stage.shared("brief");
  await shared.queue.enqueue(shared.task(1, { holds: "python" }));
  await using worker = shared.worker();
  await worker.hear();
  assert.deepEqual((await shared.queue.list()).map(({ state }) => state), ["processing"]);
  await worker.end("SIGKILL");
  await using ours = shared.ours();
  const completed = ours.next("completed");
  ours.start();
  assert.equal((await completed).attempt, 1);
  assert.equal((await shared.python.rows("archive"))[0]!.read_ct, 2);
}

async function theyTakeOver(stage: Stage): Promise<void> {
  const shared = await stage.shared("once");
  const id = await shared.queue.enqueue(shared.task(1, { holds: "ours" }));
  await using ours = shared.ours({}, { lease: "1h" });
  const lost = ours.next("lost");
  ours.start();
  await ours.holding;
  await shared.python.elapse(String(id));
  await using worker = shared.worker();
  await worker.hear();
  await shared.archived(1);
  ours.release();
  await lost;
  assert.deepEqual(await statuses(shared), [["1", "completed"]]);
}

async function sameIdentity(stage: Stage): Promise<void> {
  const shared = await stage.shared("keyed");
  await shared.queue.enqueue(shared.task(1));
  await using worker = shared.worker();
  assert.deepEqual((await worker.hear()).began, shared.task(1, { task_id: "1" }));
}

async function theirLifo(stage: Stage): Promise<void> {
  const shared = await stage.shared("newest");
  await shared.queue.enqueueMany([1, 2, 3].map((n) => shared.task(n)));
  await using worker = shared.worker();
  const began = [await worker.hear(), await worker.hear(), await worker.hear()];
  assert.deepEqual(began.map(({ began }) => began), [3, 2, 1].map((n) => shared.task(n)));
}

/** The checks of this file. */
export const handover: readonly Check[] = [
  ["Python enqueues, with and without a group: we complete, Python reads the archive", weComplete],
  ["we enqueue, with and without headers: Python completes", theyComplete],
  ["we enqueue with a delay: Python waits for it", theyWait],
  ["we fail and retry: Python finishes, errors and group are kept", weRetryTheyFinish],
  ["Python fails and retries: once due, our attempt is the second", theyRetryWeFinish],
  ["we bury: Python reschedules and completes the new task", weBuryTheyReschedule],
  ["Python buries: we list, redrive and complete", theyBuryWeRedrive],
  ["a Python worker is killed: we take its task over", weTakeOver],
  ["our lease runs out: Python takes the task over, to us it is lost", theyTakeOver],
  ["our task's idempotency key in Python is our id", sameIdentity],
  ["Python's lifo takes our tasks newest first", theirLifo],
];
