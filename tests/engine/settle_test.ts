import assert from "node:assert/strict";
import { describe, it } from "node:test";
import postgres from "postgres";
import { processor, type Queue, setup, Worker, type WorkerOptions } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";

const database = fileDatabase();

/** Ids that aren't in the queue any more when a handler starts, by what the handler starts with. */
async function settledBefore(
  queue: Queue,
  options: Omit<WorkerOptions, "processors">,
): Promise<Map<number, readonly number[]>> {
  const seen = new Map<number, readonly number[]>();
  const onTask = processor(queue, async (_, { id }) => {
    seen.set(id, []); // Keeps its place: answers may overtake each other.
    const archived = await database.sql.unsafe<{ id: number }[]>(
      `select msg_id::int as id from pgmq.a_${queue.name} order by msg_id`,
    );
    seen.set(id, archived.map((row) => row.id));
  });
  await new Worker({ ...options, processors: [onTask] }).drain();
  return seen;
}

describe("settling", () => {
  it("of each task comes before the next one starts in its slot, if so wanted", async () => {
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(20).fill({}));
    const seen = await settledBefore(queue, { settle: "each" });
    const before = (id: number) => Array.from({ length: id - 1 }, (_, i) => i + 1);
    assert.deepEqual([...seen], [...seen.keys()].map((id) => [id, before(id)]));
    assert.equal(seen.size, 20);
  });

  it("of each task keeps no slot from the others", async () => {
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(40).fill({}));
    const options = { settle: "each", concurrencyLimit: 4 } as const;
    const seen = await settledBefore(queue, options);
    // Of those that started before it, no more than the other three can be unsettled.
    [...seen.values()].forEach((settled, started) => assert.ok(settled.length >= started - 3));
    assert.equal(seen.size, 40);
  });

  it("of each failure, snooze and retry frees the slot, too", async () => {
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(10).fill({}));
    const onTask = processor(queue, { maxRetries: 1 }, (_, { id, attempt }) => {
      if (id % 2 === 0 || attempt === 1 && id % 3 === 0) throw new Error("no");
    });
    const worker = new Worker({ processors: [onTask], settle: "each" });
    assert.deepEqual(await worker.drain(), { completed: 5, retried: 7, dead: 5 });
  });

  it("of many tasks shares statements, and so do their claims", async () => {
    const tasks = 5000;
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(tasks).fill({}));
    let statements = 0;
    await using sql = Object.assign(
      postgres(database.url, { fetch_types: false, debug: () => void statements++ }),
      { [Symbol.asyncDispose]: () => sql.end() },
    );
    setup({ sql });
    const worker = new Worker({
      processors: [processor(queue, async () => {})],
      concurrencyLimit: 10,
    });
    assert.equal((await worker.drain()).completed, tasks);
    database.use();
    assert.ok(statements <= tasks / 50, `${statements} statements for ${tasks} tasks`);
  });
});
