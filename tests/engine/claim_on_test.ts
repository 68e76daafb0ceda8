import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { processor, type Queue, Worker } from "../../mod.ts";
import { siteOf } from "../../src/db/site.ts";
import { Claimer } from "../../src/engine/claimer.ts";
import { next } from "../_support/events.ts";
import { fileDatabase } from "../_support/file_database.ts";

const database = fileDatabase();

/** Tasks that became due a minute ago, one after the other. */
async function queueOf(tasks: number): Promise<Queue<unknown>> {
  const queue = await database.newQueue<unknown>();
  await database.sql.unsafe(`
    insert into pgmq.q_${queue.name} (vt, message)
    select now() - interval '1 minute' + n * interval '1 us', '{}' from generate_series(1, ${tasks}) n`);
  return queue;
}

/** Puts in a task that no claim gets to which goes on where the last one ended. */
const sneak = ({ name }: Queue<unknown>, lifo: boolean, sql: Pick<typeof database.sql, "unsafe">) =>
  sql.unsafe(`
    insert into pgmq.q_${name} (vt, message)
    values (now() - interval '${lifo ? "1 s" : "1 day"}', '"late"')`);

/** A handler this slow has some tasks claimed ahead, and so claims follow each other closely. */
const slowish = () => new Promise((resolve) => setTimeout(resolve, 5));

for (const lifo of [false, true]) {
  describe(`claims that go on where the last one ended, lifo: ${lifo}`, () => {
    it("come soon to a task that was committed late, long before the queue is empty", async () => {
      const tasks = 5000;
      const queue = await queueOf(tasks);
      const late = Promise.withResolvers<number>();
      let [begun, sent] = [0, NaN];
      const onTask = processor(queue, { lifo }, (task) => {
        begun++;
        if (task === "late") late.resolve(begun);
        return slowish();
      });
      const worker = new Worker({ processors: [onTask], concurrencyLimit: 10, pollInterval: "1h" });
      const running = worker.run();
      await database.sql.begin(async (tx) => {
        await sneak(queue, lifo, tx);
        await next(worker, "completed", () => begun > 300);
      });
      sent = begun;
      const found = await late.promise;
      await worker.stop();
      await running;
      // A quarter of a second, and what is claimed ahead: a tenth of it all, were it not for the rest.
      assert.ok(found > sent && found < tasks / 2, `${found} of ${tasks}, committed at ${sent}`);
    });

    it("don't let a drain end while there is one that they don't get to", async () => {
      for (const count of [1, 2, 40]) {
        const queue = await queueOf(count);
        let late = 0;
        const onTask = processor(queue, { lifo }, async (_, { id }) => {
          if (id > count) return;
          await sneak(queue, lifo, database.sql);
          late++;
        });
        const worker = new Worker({ processors: [onTask], concurrencyLimit: 1 });
        assert.deepEqual(await worker.drain(), { completed: 2 * count, retried: 0, dead: 0 });
        assert.equal(late, count);
      }
    });

    it("say that there may be more until one from the start has found too little", async () => {
      for (const size of [1, 2, 5]) {
        const queue = await queueOf(10);
        await using claimer = await claimerOf(queue, lifo);
        const found: number[] = [];
        const claim = async () => {
          const { deliveries, more } = await claimer.claim(size);
          found.push(...deliveries.map(({ id }) => id));
          return more;
        };
        while (found.length < 10) assert.equal(await claim(), true, `more than [${found}]`);
        await sneak(queue, lifo, database.sql);
        for (let claims = 0; await claim();) assert.ok(++claims < 9, "no end");
        assert.deepEqual(found.sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        assert.equal(await claim(), false);
      }
    });
  });
}

async function claimerOf({ definition: { tables } }: Queue<unknown>, lifo: boolean) {
  const { sql } = database;
  return new Claimer(await siteOf(sql, tables, "Cannot test"), {
    sql,
    rules: { grouped: false, lifo, limit: undefined },
    concurrencyLimit: 1,
    leaseMs: 60_000,
    pollMs: 60_000,
    deadlineMs: 60_000,
    claiming: new AbortController().signal,
    onChange: () => {},
    onError: (error) => assert.fail(String(error)),
  });
}
