import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";

conformance("Types and tables", "1.5", ({ kind, since, exec, run, rows, fails }) => {
  /** Each column with its type, `not null`, and where its value comes from if none is given. */
  const columns = async (table: string) =>
    (await run(`
      concat_ws(' ', attname, format_type(atttypid, atttypmod), case when attnotnull then '!' end,
        case attidentity when 'a' then 'identity' end, '= ' || pg_get_expr(adbin, adrelid))
      from pg_attribute left join pg_attrdef on (adrelid, adnum) = (attrelid, attnum)
      where attrelid = 'pgmq.${table}'::regclass and attnum > 0 and not attisdropped
      order by attnum`) as string[])
      .map((column) => column.replace("timestamp with time zone", "timestamptz"));
  const lastRead = kind === "older" ? [] : ["last_read_at timestamptz"];

  it("message_record, queue_record and metrics_result have their columns in order", async () => {
    assert.deepEqual(await columns("message_record"), [
      "msg_id bigint",
      "read_ct integer",
      "enqueued_at timestamptz",
      ...lastRead,
      "vt timestamptz",
      "message jsonb",
      "headers jsonb",
    ]);
    assert.deepEqual(await columns("queue_record"), [
      "queue_name character varying",
      "is_partitioned boolean",
      "is_unlogged boolean",
      "created_at timestamptz",
    ]);
    assert.deepEqual(await columns("metrics_result"), [
      "queue_name text",
      "queue_length bigint",
      "newest_msg_age_sec integer",
      "oldest_msg_age_sec integer",
      "total_messages bigint",
      "scrape_time timestamptz",
      "queue_visible_length bigint",
    ]);
  });

  it("meta has a row per queue, by its name", async () => {
    assert.deepEqual(await columns("meta"), [
      "queue_name character varying !",
      "is_partitioned boolean !",
      "is_unlogged boolean !",
      "created_at timestamptz ! = now()",
    ]);
    await fails("23505", "insert into pgmq.meta select * from pgmq.meta");
  });

  it("a queue is a table with ids of its own and an index on vt", async () => {
    assert.deepEqual(await columns("q_q"), [
      "msg_id bigint ! identity",
      "read_ct integer ! = 0",
      "enqueued_at timestamptz ! = now()",
      ...lastRead,
      "vt timestamptz !",
      "message jsonb",
      "headers jsonb",
    ]);
    assert.deepEqual(await run("pg_get_serial_sequence('pgmq.q_q', 'msg_id')"), [
      "pgmq.q_q_msg_id_seq",
    ]);
    assert.deepEqual(await indexes("q_q"), [
      "CREATE INDEX q_q_vt_idx ON pgmq.q_q USING btree (vt)",
      "CREATE UNIQUE INDEX q_q_pkey ON pgmq.q_q USING btree (msg_id)",
    ]);
    await fails("428C9", "insert into pgmq.q_q (msg_id, vt) values (9, now())");
  });

  it("an archive has the same columns, ids from its queue, and an index on archived_at", async () => {
    assert.deepEqual(await columns("a_q"), [
      "msg_id bigint !",
      "read_ct integer ! = 0",
      "enqueued_at timestamptz ! = now()",
      ...lastRead,
      "archived_at timestamptz ! = now()",
      "vt timestamptz !",
      "message jsonb",
      "headers jsonb",
    ]);
    assert.deepEqual(await indexes("a_q"), [
      "CREATE INDEX archived_at_idx_q ON pgmq.a_q USING btree (archived_at)",
      "CREATE UNIQUE INDEX a_q_pkey ON pgmq.a_q USING btree (msg_id)",
    ]);
  });

  it("both are primary keys", async () => {
    assert.deepEqual(
      await run(`pg_get_constraintdef(oid) from pg_constraint
        where conrelid in ('pgmq.q_q'::regclass, 'pgmq.a_q'::regclass) and contype = 'p'`),
      ["PRIMARY KEY (msg_id)", "PRIMARY KEY (msg_id)"],
    );
  });

  it("messages are rows that anybody may read and write", async () => {
    await exec("insert into pgmq.q_q (vt, message) values (now(), '5')");
    const [row] = await rows("pgmq.read('q', 0, 1)");
    assert.deepEqual([row?.msg_id, row?.read_ct, row?.message, row?.headers], ["1", 1, 5, null]);
  });

  since("1.8", () => {
    it("notify settings are a row per queue, go with it, and have defaults", async () => {
      assert.deepEqual(await columns("notify_insert_throttle"), [
        "queue_name character varying !",
        "throttle_interval_ms integer ! = 0",
        "last_notified_at timestamptz ! = to_timestamp((0)::double precision)",
      ]);
      const insert = "insert into pgmq.notify_insert_throttle (queue_name) values";
      await exec(`${insert} ('q')`);
      const [row] = await rows<Record<string, unknown>>("pgmq.notify_insert_throttle");
      assert.deepEqual({ ...row }, {
        queue_name: "q",
        throttle_interval_ms: 0,
        last_notified_at: new Date(0),
      });
      await fails("23505", `${insert} ('q')`);
      await fails("23503", `${insert} ('no')`);
      await exec("delete from pgmq.meta");
      assert.deepEqual(await rows("pgmq.notify_insert_throttle"), []);
    });
  });

  since("1.11", () => {
    it("bindings are unique by pattern and queue, and go with the queue", async () => {
      const shape = (await columns("topic_bindings")).map((column) =>
        column.split(" ", 3).join(" ")
      );
      assert.deepEqual(shape, [
        "pattern text !",
        "queue_name text !",
        "bound_at timestamptz !",
        "compiled_regex text =",
      ]);
      const insert = "insert into pgmq.topic_bindings (pattern, queue_name) values";
      await exec(`${insert} ('a', 'q'), ('b', 'q')`);
      await fails("23505", `${insert} ('a', 'q')`);
      await fails("23503", `${insert} ('a', 'no')`);
      await exec("delete from pgmq.meta");
      assert.deepEqual(await rows("pgmq.topic_bindings"), []);
    });
  });

  async function indexes(table: string) {
    return await run(`indexdef from pg_indexes
      where schemaname = 'pgmq' and tablename = '${table}' order by 1`);
  }
});
