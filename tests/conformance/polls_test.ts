import assert from "node:assert/strict";
import { it } from "node:test";
import {
  conformance,
  ids,
  type Message,
  type Pgmq,
  type Version,
} from "../_support/conformance.ts";
import { sendTo } from "./groups.ts";

/** What every polling form promises. */
function polls(name: string, since: Version) {
  conformance(`Polling: ${name}`, since, (pgmq) => {
    const { during, run, rows, fails, send, hidden, now } = pgmq;
    const poll = async (...rest: unknown[]) =>
      await rows(`pgmq.${name}('q', ${rest.map(String).join()})`);

    it("returns at once if there is something, as a read does", async () => {
      await sendTo(pgmq, "a", "b", "c");
      const found = await during("set local statement_timeout = '30s'", async (tx) => {
        return await tx.unsafe<Message[]>(`select * from pgmq.${name}('q', 60, 2, 3600, 3600000)`);
      });
      assert.deepEqual(ids(found), [1, 2]);
      assert.deepEqual(ids(await rows("pgmq.q_q where read_ct = 1")), [1, 2]);
      assert.deepEqual([await hidden(1), await hidden(3)], [60, 0]);
    });

    it("has limits of five seconds and 100 ms", async () => {
      await send(1);
      assert.deepEqual(ids(await poll(0, 1)), [1]);
      assert.deepEqual(ids(await poll(0, 1, 1)), [1]);
    });

    it("gives up once the seconds have passed", async () => {
      const start = await now();
      assert.deepEqual(await poll(0, 1, 1, 10), []);
      assert.ok((await now()).getTime() - start.getTime() >= 1000);
    });

    it("does not look at all within no time", async () => {
      await send(1);
      assert.deepEqual(await poll(0, 1, 0), []);
      assert.deepEqual(await poll(0, 1, 0, 10), []);
      assert.deepEqual(await run("read_ct from pgmq.q_q"), [0]);
    });

    it("sees what another session sends meanwhile", async () => {
      const found = poll(60, 5, 60, 5);
      await asleep(pgmq, name, found);
      await sendTo(pgmq, "a", "b");
      assert.deepEqual(ids(await found), [1, 2]);
    });

    it("sees what becomes visible meanwhile", async () => {
      await run("pgmq.send('q', '1', 3600)");
      const found = poll(60, 5, 60, 5);
      await asleep(pgmq, name, found);
      await run("pgmq.set_vt('q', 1, 0)");
      assert.deepEqual(ids(await found), [1]);
    });

    it("gives a message to one of many", async () => {
      const found = Array.from({ length: 4 }, () => poll(60, 1, 60, 5));
      await asleep(pgmq, name, ...found);
      for (const group of ["a", "b", "c", "d"]) await sendTo(pgmq, group);
      assert.deepEqual(ids((await Promise.all(found)).flat()), [1, 2, 3, 4]);
    });

    it("refuses what a read refuses", async () => {
      await send(1);
      await fails("23502", `pgmq.${name}('q', null, 1, 1, 10)`);
      await fails("42P01", `pgmq.${name}('no', 0, 1, 1, 10)`);
    });

    it("arguments may be named", async () => {
      await send(1);
      await run(`pgmq.${name}(poll_interval_ms => 10, max_poll_seconds => 1, qty => 1, vt => 0,
        queue_name => 'q')`);
      assert.deepEqual(await run("read_ct from pgmq.q_q"), [1]);
    });
  });
}

polls("read_with_poll", "1.5");
polls("read_grouped_with_poll", "1.9");
polls("read_grouped_rr_with_poll", "1.9");
polls("read_grouped_head_with_poll", "ours");

conformance("Polling with a filter", "1.5", (pgmq) => {
  const { run, rows, fails } = pgmq;

  it("waits for a message that contains it", async () => {
    await run(`pgmq.send('q', '{"a": 1}')`);
    const found = rows(`pgmq.read_with_poll('q', 60, 9, 60, 5, conditional => '{"b": 1}')`);
    await asleep(pgmq, "read_with_poll", found);
    await run(`pgmq.send('q', '{"a": 1, "b": 1}')`);
    assert.deepEqual(ids(await found), [2]);
    assert.deepEqual(ids(await rows("pgmq.q_q where read_ct = 0")), [1]);
  });

  it("{} and null don't filter", async () => {
    await run("pgmq.send_batch('q', array[null, '5']::jsonb[])");
    for (const filter of ["'{}'", "null"]) {
      assert.deepEqual(ids(await rows(`pgmq.read_with_poll('q', 0, 9, 1, 10, ${filter})`)), [1, 2]);
    }
  });

  it("takes qty as read does", async () => {
    await run("pgmq.send_batch('q', '{1,2,3}'::jsonb[])");
    assert.deepEqual(ids(await rows("pgmq.read_with_poll('q', 0, null, 1)")), [1, 2, 3]);
    await fails("2201W", "pgmq.read_with_poll('q', 0, -1, 1)");
  });
});

/** Until all of these polls are between two looks, or one of them is over. */
async function asleep({ database }: Pgmq, name: string, ...polls: Promise<unknown>[]) {
  let over = false;
  const end = () => over = true;
  for (const poll of polls) poll.then(end, end);
  const sleeping = () =>
    database().sql`select from pg_stat_activity where datname = current_database()
      and wait_event = 'PgSleep' and query ~ ${name}`;
  while (!over && (await sleeping()).length < polls.length);
}
