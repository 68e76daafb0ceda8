import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type ProcessorOptions, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { idle } from "../_support/idle.ts";
import { unheard } from "../_support/pooler.ts";
import { Stage } from "../_support/stage.ts";

const database = fileDatabase();

/** Only a notification can make a worker look again: its own look is an hour away. */
const patient = { pollInterval: "1h", lease: "1h" } as const;

interface News {
  /** What is in the queue while one worker runs the first task of it, in order. */
  readonly groups: readonly (string | undefined)[];
  /** Which of these are due only tomorrow. */
  readonly delayed?: readonly number[];
  readonly options?: ProcessorOptions;
  /** What happens then. */
  readonly happening: (queue: Queue<unknown>) => Promise<unknown>;
  /** Which task another, idle worker has to hear of. */
  readonly id: number;
}

/** A worker is busy, another one waits with older tasks due that are blocked: what wakes it? */
async function wakes({ groups, delayed = [], options, happening, id }: News): Promise<void> {
  const queue = await database.newQueue();
  for (const group of groups) await queue.enqueue({}, group === undefined ? {} : { group });
  for (const task of delayed) await delay(queue, task);
  const stage = new Stage();
  const onTask = processor(queue, { grouped: true, ...options }, stage.handler);
  const [busy, waiting] = [1, 2].map(() => new Worker({ ...patient, processors: [onTask] }));
  const runs = [busy!.run()];
  await stage.nth(1);
  runs.push((await idle(waiting!)).running);
  try {
    await happening(queue);
    assert.equal((await stage.nth(2)).id, id);
  } finally {
    const stopping = Promise.all([busy!.stop(), waiting!.stop()]);
    stage.endAll();
    await stopping;
    await Promise.all(runs);
  }
}

/** Delays a task behind the library's back. */
const delay = (queue: Queue<unknown>, id: number) =>
  database.sql.unsafe(
    `update pgmq.q_${queue.name} set vt = now() + interval '1 day' where msg_id = ${id}`,
  );

describe("a worker that waits hears of", { skip: unheard }, () => {
  it("the first task of a group", async () => {
    const happening = (queue: Queue<unknown>) => queue.enqueue({}, { group: "b" });
    await wakes({ groups: ["a", "a"], happening, id: 3 });
  });

  it("the first task of a group, among others", async () => {
    const happening = async (queue: Queue<unknown>) => {
      await queue.enqueue({}, { group: "a" });
      await queue.enqueueMany([{}, {}], { group: "b" });
    };
    await wakes({ groups: ["a", "a"], happening, id: 4 });
  });

  it("the first task of a group, with a key", async () => {
    const happening = (queue: Queue<unknown>) => queue.enqueue({}, { group: "b", key: "k" });
    await wakes({ groups: ["a", "a"], happening, id: 3 });
  });

  it("the first task of a group, in a transaction", async () => {
    const happening = (queue: Queue<unknown>) =>
      database.sql.begin((sql) => queue.enqueue({}, { group: "b", sql }));
    await wakes({ groups: ["a", "a"], happening, id: 3 });
  });

  it("the first task without a group", async () => {
    const happening = (queue: Queue<unknown>) => queue.enqueue({});
    await wakes({ groups: ["a", "a"], happening, id: 3 });
  });

  it("a task that goes before the delayed one of its group, with lifo", async () => {
    const happening = (queue: Queue<unknown>) => queue.enqueue({}, { group: "b" });
    const groups = ["b", "a", "a", "b"];
    await wakes({ groups, delayed: [4], options: { lifo: true }, happening, id: 5 });
  });

  it("a task whose turn it is as the one before is cancelled", async () => {
    const happening = (queue: Queue<unknown>) => queue.cancel(3);
    await wakes({ groups: ["a", "a", "b", "b"], delayed: [3], happening, id: 4 });
  });
});
