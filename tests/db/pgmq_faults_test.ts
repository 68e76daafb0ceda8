import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

describe("faults of upstream that sql/pgmq.sql does not have", () => {
  let database: TestDatabase;
  let sql: Sql;

  before(async () => {
    database = await createTestDatabase();
    sql = database.sql;
    await sql`select pgmq.create('q')`;
  });
  beforeEach(() => sql`truncate pgmq.q_q restart identity`);
  after(() => database?.[Symbol.asyncDispose]());

  it("runs again over itself", async () => {
    await sql`select pgmq.send('q', '1')`;
    await sql.unsafe(pgmqSql);
    assert.equal((await sql`select * from pgmq.read('q', 0, 1)`).length, 1);
  });

  it("rows come in the order of their ids, wherever they lie on disk", async () => {
    await sql`select pgmq.send_batch('q', array(select to_jsonb(n) from generate_series(1, 50) n))`;
    await sql`update pgmq.q_q set read_ct = 0 where msg_id % 3 = 0`; // moves these to the end
    await sql`update pgmq.q_q set read_ct = 0 where msg_id < 10`;
    const rising = Array.from({ length: 50 }, (_, at) => String(at + 1));
    for (
      const call of [
        "read('q', 0, 50)",
        "set_vt('q', array(select 51 - n from generate_series(1, 50) n), 0)",
        "pop('q', 50)",
      ]
    ) {
      const rows = await sql.unsafe<{ msg_id: string }[]>(`select * from pgmq.${call}`);
      assert.deepEqual(rows.map((row) => row.msg_id), rising, call);
    }
  });

  it("the limit of a name is in bytes", async () => {
    await assert.rejects(sql`select pgmq.create(${"ü".repeat(24)})`, { code: "P0001" });
    await sql`select pgmq.create(${"ü".repeat(23)})`;
    const [row] = await sql`select pgmq.drop_queue(${"ü".repeat(23)}) as dropped`;
    assert.equal(row?.dropped, true);
  });

  it("dropping a queue forgets it under every spelling", async () => {
    await sql`select pgmq.create('Twice'), pgmq.create('twice')`;
    await sql`select pgmq.drop_queue('TWICE')`;
    assert.equal((await sql`select * from pgmq.list_queues()`).length, 1);
  });

  it("metrics_all passes over a queue that is being dropped", async () => {
    await sql`select pgmq.create('going')`;
    await sql`drop table pgmq.q_going`;
    assert.equal((await sql`select * from pgmq.metrics_all()`).length, 1);
    await sql`select pgmq.drop_queue('going')`;
  });

  it("metrics know the time inside a long transaction", async () => {
    const visible = await sql.begin(async (tx) => {
      await tx`select pgmq.send('q', '1')`;
      return (await tx`select * from pgmq.metrics('q')`)[0]?.queue_visible_length;
    });
    assert.equal(visible, "1");
  });

  it("purge_queue counts what was sent while it waited", async () => {
    const waiting = () =>
      sql`select from pg_locks where relation = 'pgmq.q_q'::regclass and not granted`;
    let purged: Promise<readonly { purge_queue?: string }[]> | undefined;
    await sql.begin(async (tx) => {
      await tx`select pgmq.send('q', '1')`;
      purged = sql<{ purge_queue: string }[]>`select pgmq.purge_queue('q')`.execute();
      while ((await waiting()).length === 0);
    });
    assert.equal((await purged)?.[0]?.purge_queue, "1");
  });

  it("monitoring doesn't see bodies", async () => {
    const peek = sql.begin(async (tx) => {
      await tx`set local role pg_monitor`;
      await tx`select message from pgmq.q_q`;
    });
    await assert.rejects(peek, { code: "42501" });
  });

  it("asking for a queue that is there takes no ownership", async () => {
    const role = `worker_${database.url.slice(-32)}`;
    await sql.unsafe(`create role ${role}; grant usage on schema pgmq to ${role};
      grant select, insert on pgmq.meta to ${role}`);
    try {
      await sql.begin(async (tx) => {
        await tx.unsafe(`set local role ${role}`);
        await tx`select pgmq.create('q')`;
      });
    } finally {
      await sql.unsafe(`drop owned by ${role}; drop role ${role}`);
    }
  });

  it("leaves another pgmq alone", async () => {
    await using other = await createTestDatabase({ pgmq: "genuine" });
    await assert.rejects(other.sql.unsafe(pgmqSql), { code: "P0001" });
  });
});
