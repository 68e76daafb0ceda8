import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { backends } from "../_support/backend.ts";
import { createTestDatabase } from "../_support/database.ts";
import { faults } from "../_support/faults.ts";

/** A time zone whose clocks are put back by one hour in half an hour. */
function clocksToBePutBack(): string {
  const then = new Date(Date.now() + 90 * 60_000); // as clocks one hour ahead show it
  const day = Math.floor((then.getTime() - Date.UTC(then.getUTCFullYear())) / 86_400_000);
  return `OLD-1NEW0,${day}/${then.toISOString().slice(11, 19)},${(day + 180) % 365}/0`;
}

faults("Smaller ones", {
  "metrics know the time inside a long transaction": async ({ open }) => {
    await using session = await open();
    await session.run("pgmq.send('q', '1')");
    assert.deepEqual(await session.run("queue_visible_length from pgmq.metrics('q')"), [1]);
  },

  "metrics_all does, too": async ({ open }) => {
    await using session = await open();
    await session.run("pgmq.send('q', '1')");
    assert.deepEqual(await session.run("queue_visible_length from pgmq.metrics_all()"), [1]);
  },

  "pg_monitor may look at metrics, not at bodies": async ({ open }) => {
    await using session = await open();
    await session.exec("set local role pg_monitor");
    assert.deepEqual(await session.run("queue_name from pgmq.metrics_all()"), ["q"]);
    for (const table of ["q_q", "a_q"]) {
      await using peeking = await open("begin; set local role pg_monitor");
      await assert.rejects(peeking.run(`message from pgmq.${table}`), { code: "42501" });
    }
  },

  "asking for a queue that is there takes no ownership": async ({ exec, open }) => {
    await exec(`grant usage on schema pgmq to pg_signal_backend;
      grant select, insert on pgmq.meta to pg_signal_backend`);
    await using session = await open();
    await session.exec("set local role pg_signal_backend");
    await assert.doesNotReject(session.run("pgmq.create('q')"));
  },

  "a poll ends on time while clocks are about to be put back": async ({ exec, open, run }) => {
    await exec("select pgmq.create('r')");
    await using session = await open();
    await session.exec(`set local timezone = '${clocksToBePutBack()}'`);
    const polling = session.run("msg_id from pgmq.read_with_poll('q', 0, 1, 1)");
    // Another poll that is longer: when it is over, so should the one above be.
    await run("pgmq.read_with_poll('r', 0, 1, 2)");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await polling, []);
  },
});

describe("Our file", () => {
  it("runs again over itself", async () => {
    await using database = await createTestDatabase({ pgmq: "ours" });
    await database.sql.unsafe(`select pgmq.create('q'); select pgmq.send('q', '1'); ${pgmqSql}`);
    assert.equal((await database.sql`select * from pgmq.read('q', 0, 1)`).length, 1);
  });

  it("leaves another pgmq alone", { skip: !backends.includes("genuine") }, async () => {
    await using database = await createTestDatabase({ pgmq: "genuine" });
    await assert.rejects(database.sql.unsafe(pgmqSql), { code: "P0001" });
  });
});
