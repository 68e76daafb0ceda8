import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

interface Message {
  msg_id: string;
  read_ct: number;
  enqueued_at: Date;
  last_read_at: Date | null;
  vt: Date;
  message: unknown;
  headers: unknown;
}

const distantFuture = "2999-01-01 00:00:00+00";

it("the module holds the current sql/pgmq.sql", async () => {
  const file = await readFile(new URL("../../sql/pgmq.sql", import.meta.url), "utf8");
  assert.equal(pgmqSql.trim(), file.trim(), "run deno run -A scripts/generate.ts");
});

for (const pgmq of ["ours", "genuine"] as const) {
  describe(`pgmq's public SQL API: ${pgmq}`, () => {
    let database: TestDatabase;
    let sql: Sql;

    before(async () => {
      database = await createTestDatabase({ pgmq });
      sql = database.sql;
    });
    beforeEach(async () => {
      await run("pgmq.drop_queue(queue_name) from pgmq.list_queues()");
      await run("pgmq.create('q')");
    });
    after(() => database?.[Symbol.asyncDispose]());

    /** The first column of every row, ids as strings. */
    async function run(call: string): Promise<unknown[]> {
      return (await sql.unsafe(`select ${call}`).values()).map(([value]) => value);
    }
    const rows = async (call: string) => [...await sql.unsafe<Message[]>(`select * from ${call}`)];
    const now = async () => (await run("clock_timestamp()"))[0] as Date;

    async function fails(code: string, call: string) {
      await assert.rejects(run(call), { code }, call);
    }

    async function send(count: number) {
      const numbers = Array.from({ length: count }, (_, at) => `'${at + 1}'`).join();
      await run(`pgmq.send_batch('q', array[${numbers}]::jsonb[])`);
    }

    /** Seconds from now until a message becomes visible, rounded. */
    async function hidden(id: number): Promise<number> {
      const [seconds] = await run(
        `extract(epoch from vt - clock_timestamp())::float8 from pgmq.q_q where msg_id = ${id}`,
      );
      return Math.round(seconds as number) + 0; // not -0
    }

    describe("types", () => {
      const shape = async (type: string) =>
        (await sql<{ column: string }[]>`
          select attname || ' ' || format_type(atttypid, -1) as column from pg_attribute
          where attrelid = ${"pgmq." + type}::regclass and attnum > 0 and not attisdropped
          order by attnum`).map(({ column }) => column.replace(/ with time zone/, "tz"));
      const columns = "read_ct integer|enqueued_at timestamptz|last_read_at timestamptz";
      const content = "vt timestamptz|message jsonb|headers jsonb";
      const shapes = {
        message_record: `msg_id bigint|${columns}|${content}`,
        queue_record: "queue_name character varying|is_partitioned boolean|is_unlogged boolean|" +
          "created_at timestamptz",
        metrics_result: "queue_name text|queue_length bigint|newest_msg_age_sec integer|" +
          "oldest_msg_age_sec integer|total_messages bigint|scrape_time timestamptz|" +
          "queue_visible_length bigint",
        meta: "queue_name character varying|is_partitioned boolean|is_unlogged boolean|" +
          "created_at timestamptz",
        q_q: `msg_id bigint|${columns}|${content}`,
        a_q: `msg_id bigint|${columns}|archived_at timestamptz|${content}`,
      };
      for (const [type, expected] of Object.entries(shapes)) {
        it(type, async () => assert.deepEqual(await shape(type), expected.split("|")));
      }
    });

    describe("queues", () => {
      it("create makes tables, indexes and a row in meta; again is harmless", async () => {
        await run("pgmq.create('q'), pgmq.create_non_partitioned('q')");
        const [row] = await rows("pgmq.list_queues()") as unknown as Record<string, unknown>[];
        assert.deepEqual({ ...row, created_at: 0 }, {
          queue_name: "q",
          is_partitioned: false,
          is_unlogged: false,
          created_at: 0,
        });
        assert.deepEqual(
          await run(
            "indexdef from pg_indexes where schemaname = 'pgmq' and tablename ~ '_q$' order by 1",
          ),
          [
            "CREATE INDEX archived_at_idx_q ON pgmq.a_q USING btree (archived_at)",
            "CREATE INDEX q_q_vt_idx ON pgmq.q_q USING btree (vt)",
            "CREATE UNIQUE INDEX a_q_pkey ON pgmq.a_q USING btree (msg_id)",
            "CREATE UNIQUE INDEX q_q_pkey ON pgmq.q_q USING btree (msg_id)",
          ],
        );
      });

      it("ids are always generated", () =>
        fails(
          "428C9",
          "1 from pgmq.send('q', '1'); insert into pgmq.q_q (msg_id, vt) values (9, now())",
        ));

      it("create_unlogged makes the queue unlogged, not the archive", async () => {
        await run("pgmq.create_unlogged('u')");
        const kinds =
          "relname || ' ' || relpersistence::text from pg_class where relname in ('q_u', 'a_u')";
        assert.deepEqual((await run(kinds)).toSorted(), ["a_u p", "q_u u"]);
        assert.deepEqual(await run("is_unlogged from pgmq.list_queues() where queue_name = 'u'"), [
          true,
        ]);
      });

      it("tables are named in lower case, meta keeps the name as given", async () => {
        await run("pgmq.create('Big')");
        await run("pgmq.send('BIG', '1')");
        assert.deepEqual(await run("msg_id from pgmq.q_big"), ["1"]);
        assert.deepEqual(await run("queue_name from pgmq.meta where queue_name ~ 'B'"), ["Big"]);
        assert.deepEqual(await run("pgmq.drop_queue('Big')"), [true]);
      });

      it("odd names are quoted, dangerous ones refused", async () => {
        await run(`pgmq.create('it is "odd"-ünï.1')`);
        await run(`pgmq.send('it is "odd"-ünï.1', '1')`);
        assert.deepEqual(await run(`pgmq.purge_queue('it is "odd"-ünï.1')`), ["1"]);
        assert.deepEqual(await run(`pgmq.drop_queue('it is "odd"-ünï.1')`), [true]);
        for (const name of ["a$", "a;", "a--b", "a''b"]) {
          await fails("P0001", `pgmq.create('${name}')`);
          await fails("P0001", `pgmq.send('${name}', '1')`);
          await fails("P0001", `pgmq.format_table_name('${name}', 'q')`);
        }
        assert.deepEqual(await run("pgmq.format_table_name('A-b', 'q')"), ["q_a-b"]);
      });

      it("names have at most 47 characters", async () => {
        const name = "n".repeat(47);
        await run(`pgmq.validate_queue_name('${name}')`);
        await fails("P0001", `pgmq.validate_queue_name('${name}n')`);
        await fails("P0001", `pgmq.create('${name}n')`);
        await run(`pgmq.create('${name}')`);
        assert.deepEqual(await run(`pgmq.drop_queue('${name}')`), [true]);
      });

      it("a name that is null is refused", async () => {
        await fails("22004", "pgmq.create(null)");
        await fails("22004", "pgmq.send(null, '1')");
      });

      it("many creates of one name at once all succeed", async () => {
        await run("pgmq.drop_queue('q')");
        await Promise.all(Array.from({ length: 10 }, () => run("pgmq.create('q')")));
        assert.deepEqual(await run("count(*)::int from pgmq.meta"), [1]);
      });

      it("drop_queue takes tables and row; an unknown queue is false", async () => {
        assert.deepEqual(await run("pgmq.drop_queue('q')"), [true]);
        assert.deepEqual(await run("pgmq.drop_queue('q')"), [false]);
        assert.deepEqual(await run("to_regclass('pgmq.q_q')::text || to_regclass('pgmq.a_q')"), [
          null,
        ]);
        assert.deepEqual(await rows("pgmq.list_queues()"), []);
      });

      it("purge_queue counts what it removes, keeps numbering and archive", async () => {
        await send(3);
        await run("pgmq.archive('q', 1)");
        await run("pgmq.send('q', '1', 60)");
        assert.deepEqual(await run("pgmq.purge_queue('q')"), ["3"]);
        assert.deepEqual(await run("pgmq.send('q', '1')"), ["5"]);
        assert.deepEqual(await run("msg_id from pgmq.a_q"), ["1"]);
      });

      it("an unknown queue is 42P01", async () => {
        for (
          const call of [
            "send('no', '1')",
            "send_batch('no', array['1']::jsonb[])",
            "read('no', 1, 1)",
            "pop('no')",
            "set_vt('no', 1, 1)",
            "archive('no', 1)",
            "delete('no', 1)",
            "purge_queue('no')",
            "metrics('no')",
          ]
        ) await fails("42P01", `pgmq.${call}`);
      });

      it("detach_archive does nothing", async () => {
        await run("pgmq.detach_archive('q')");
        assert.deepEqual(await run("count(*)::int from pgmq.a_q"), [0]);
      });
    });

    describe("sending", () => {
      it("send has six forms", async () => {
        await run("pgmq.send('q', '{\"a\": 1}')");
        await run("pgmq.send('q', '2', '{\"h\": 1}'::jsonb)");
        await run("pgmq.send('q', '3', 60)");
        await run(`pgmq.send('q', '4', '${distantFuture}'::timestamptz)`);
        await run("pgmq.send('q', '5', '{\"h\": 2}', 60)");
        const last = `pgmq.send('q', null, null, '${distantFuture}'::timestamptz)`;
        assert.deepEqual(await run(last), ["6"]);

        const stored =
          "message::text || ' ' || coalesce(headers::text, '-') from pgmq.q_q order by msg_id";
        assert.deepEqual(await run(stored), [
          '{"a": 1} -',
          '2 {"h": 1}',
          "3 -",
          "4 -",
          '5 {"h": 2}',
          null,
        ]);
        assert.deepEqual(await Promise.all([1, 2, 3, 5].map(hidden)), [0, 0, 60, 60]);
        const exact = await run("vt from pgmq.q_q where msg_id in (4, 6)") as Date[];
        assert.deepEqual(exact, [new Date(distantFuture), new Date(distantFuture)]);
      });

      it("send_batch has six forms, and its ids are in the order of the array", async () => {
        const two = "array['1', null]::jsonb[]";
        const headers = `array[null, '{"h": 1}']::jsonb[]`;
        const time = `'${distantFuture}'::timestamptz`;
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two})`), ["1", "2"]);
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers})`), ["3", "4"]);
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, 60)`), ["5", "6"]);
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${time})`), ["7", "8"]);
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers}, 60)`), ["9", "10"]);
        assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers}, ${time})`), [
          "11",
          "12",
        ]);

        const odd = await rows("pgmq.q_q where msg_id % 2 = 1 order by msg_id");
        assert.deepEqual(odd.map((row) => row.message), [1, 1, 1, 1, 1, 1]);
        const even = await rows("pgmq.q_q where msg_id % 2 = 0 order by msg_id");
        assert.deepEqual(even.map((row) => row.message), [null, null, null, null, null, null]);
        const h = { h: 1 };
        assert.deepEqual(even.map((row) => row.headers), [null, h, null, null, h, h]);
        assert.deepEqual(await Promise.all([1, 4, 6, 10].map(hidden)), [0, 0, 60, 60]);
        assert.deepEqual(even[5]?.vt, new Date(distantFuture));
      });

      it("a big batch keeps its order", async () => {
        await run(
          "pgmq.send_batch('q', array(select to_jsonb(n) from generate_series(1, 5000) n))",
        );
        assert.deepEqual(
          await run("count(*)::int from pgmq.q_q where message <> to_jsonb(msg_id)"),
          [0],
        );
      });

      it("a batch that is empty, null or unlike its headers sends nothing", async () => {
        await fails("P0001", "pgmq.send_batch('q', '{}'::jsonb[])");
        await fails("P0001", "pgmq.send_batch('q', null)");
        await fails(
          "P0001",
          "pgmq.send_batch('q', array['1', '2']::jsonb[], array['{}']::jsonb[])",
        );
        await fails("P0001", "pgmq.send_batch('q', array['1']::jsonb[], '{}'::jsonb[])");
        assert.deepEqual(await rows("pgmq.q_q"), []);
        await run("pgmq.send_batch('q', array['1']::jsonb[], null::jsonb[])");
      });

      it("a negative delay is no delay, null is refused", async () => {
        await run("pgmq.send('q', '1', -60)");
        assert.equal((await rows("pgmq.read('q', 1, 1)")).length, 1);
        await fails("23502", "pgmq.send('q', '1', null::int)");
        await fails("23502", "pgmq.send('q', '1', null::timestamptz)");
        await fails("23502", "pgmq.send_batch('q', array['1']::jsonb[], null::int)");
      });

      it("enqueued_at is the transaction's time, vt the clock's", async () => {
        const [begun] = await sql.begin(async (tx) => {
          const [row] = await tx<{ now: Date }[]>`select now()`;
          await tx`select pg_sleep(0.05)`;
          await tx`select pgmq.send('q', '1')`;
          return [row?.now];
        });
        const [row] = await rows("pgmq.q_q");
        assert.deepEqual(row?.enqueued_at, begun);
        assert.ok(row!.vt.getTime() - begun!.getTime() >= 49);
      });

      it("three arguments of which the last is untyped are ambiguous", async () => {
        await fails("42725", "pgmq.send('q', '1', null)");
        await fails("42725", "pgmq.send('q', '1', '5')");
      });

      it("arguments may be named", async () => {
        await run("pgmq.send(queue_name => 'q', msg => '1', headers => '{}', delay => 0)");
        await run(
          "pgmq.send_batch(queue_name => 'q', msgs => '{1}', headers => '{null}', delay => 0)",
        );
        await run("pgmq.read(queue_name => 'q', vt => 0, qty => 1, conditional => '{}')");
        await run("pgmq.set_vt(queue_name => 'q', msg_id => 1, vt => 0)");
        await run("pgmq.set_vt(queue_name => 'q', msg_ids => '{1}', vt => 0)");
        await run("pgmq.pop(queue_name => 'q', qty => 1)");
        await run("pgmq.archive(queue_name => 'q', msg_id => 1)");
        await run("pgmq.archive(queue_name => 'q', msg_ids => '{1}')");
        await run("pgmq.delete(queue_name => 'q', msg_id => 1)");
        await run("pgmq.delete(queue_name => 'q', msg_ids => '{1}')");
        await run("pgmq.metrics(queue_name => 'q')");
      });
    });

    describe("reading", () => {
      const ids = (messages: readonly Message[]) => messages.map((row) => row.msg_id).toSorted();

      it("read hides what it returns, counts and notes the time", async () => {
        await send(3);
        const start = await now();
        const [first, second] = await rows("pgmq.read('q', 60, 2)");
        assert.deepEqual([first?.msg_id, second?.msg_id], ["1", "2"]);
        assert.equal(first?.read_ct, 1);
        assert.equal(first?.message, 1);
        assert.ok(first!.last_read_at! >= start && first!.enqueued_at <= start);
        assert.equal(await hidden(1), 60);
        assert.deepEqual(ids(await rows("pgmq.read('q', 60, 5)")), ["3"]);
        assert.deepEqual(await rows("pgmq.read('q', 60, 5)"), []);
      });

      it("the lowest ids come first, wherever they lie on disk", async () => {
        await send(5);
        await sql`update pgmq.q_q set read_ct = 0 where msg_id < 3`; // moves them to the end
        assert.deepEqual(ids(await rows("pgmq.read('q', 0, 2)")), ["1", "2"]);
        assert.deepEqual(ids(await rows("pgmq.pop('q', 2)")), ["1", "2"]);
      });

      it("a vt of zero or less leaves it visible, null is refused", async () => {
        await send(1);
        await rows("pgmq.read('q', 0, 1)");
        await rows("pgmq.read('q', -5, 1)");
        const [row] = await rows("pgmq.read('q', 0, 1)");
        assert.equal(row?.read_ct, 3);
        await fails("23502", "pgmq.read('q', null, 1)");
      });

      it("qty null means all, zero none, negative is refused", async () => {
        await send(3);
        assert.equal((await rows("pgmq.read('q', 0, null)")).length, 3);
        assert.equal((await rows("pgmq.read('q', 0, 0)")).length, 0);
        await fails("2201W", "pgmq.read('q', 0, -1)");
        await fails("2201W", "pgmq.pop('q', -1)");
      });

      it("conditional filters by containment; {} and null don't", async () => {
        await run(
          `pgmq.send_batch('q', array['{"a": 1}', '{"a": 2, "b": 1}', null, '5']::jsonb[])`,
        );
        assert.deepEqual(ids(await rows(`pgmq.read('q', 0, 9, '{"b": 1}')`)), ["2"]);
        assert.deepEqual(ids(await rows(`pgmq.read('q', 0, 9, '5')`)), ["4"]);
        assert.equal((await rows(`pgmq.read('q', 0, 9, '{}')`)).length, 4);
        assert.equal((await rows(`pgmq.read('q', 0, 9, null)`)).length, 4);
      });

      it("what others have locked is skipped", async () => {
        await send(3);
        await sql.begin(async (tx) => {
          await tx`select from pgmq.q_q where msg_id = 1 for update`;
          assert.deepEqual(ids(await rows("pgmq.read('q', 0, 1)")), ["2"]);
          assert.deepEqual(ids(await rows("pgmq.pop('q')")), ["2"]);
        });
      });

      it("concurrent readers never share a message", async () => {
        await send(100);
        const readers = Array.from({ length: 10 }, () => rows("pgmq.read('q', 60, 10)"));
        const read = (await Promise.all(readers)).flat().map((row) => row.msg_id);
        assert.equal(new Set(read).size, read.length);
      });

      it("inside a long transaction time passes", async () => {
        await run("pgmq.send('q', '1', clock_timestamp() + interval '40 ms')");
        const found = await sql.begin(async (tx) => {
          const read = () => tx`select * from pgmq.read('q', 60, 1)`;
          const early = await read();
          await tx`select pg_sleep(0.06)`;
          return [early.length, (await read()).length];
        });
        assert.deepEqual(found, [0, 1]);
      });

      it("pop takes the oldest visible message for good", async () => {
        await send(4);
        await run("pgmq.set_vt('q', 1, 60)");
        const [row] = await rows("pgmq.pop('q')");
        assert.deepEqual([row?.msg_id, row?.read_ct, row?.last_read_at], ["2", 0, null]);
        assert.deepEqual(ids(await rows("pgmq.pop('q', 5)")), ["3", "4"]);
        assert.deepEqual(await rows("pgmq.pop('q')"), []);
        assert.deepEqual(await run("msg_id from pgmq.q_q"), ["1"]);
      });

      it("set_vt has four forms and changes nothing but vt", async () => {
        await send(3);
        const [row] = await rows("pgmq.set_vt('q', 1, 60)");
        assert.deepEqual([row?.msg_id, row?.read_ct, row?.last_read_at, row?.message], [
          "1",
          0,
          null,
          1,
        ]);
        assert.equal(await hidden(1), 60);
        assert.deepEqual(ids(await rows("pgmq.set_vt('q', array[2, 2, 3, 9], 30)")), ["2", "3"]);
        assert.deepEqual([await hidden(2), await hidden(3)], [30, 30]);
        const time = `'${distantFuture}'::timestamptz`;
        assert.deepEqual(
          (await rows(`pgmq.set_vt('q', 1, ${time})`))[0]?.vt,
          new Date(distantFuture),
        );
        assert.deepEqual(ids(await rows(`pgmq.set_vt('q', array[1, 2], ${time})`)), ["1", "2"]);
        assert.deepEqual(await rows("pgmq.set_vt('q', 9, 60)"), []);
        await run("pgmq.set_vt('q', 3, -1)");
        assert.deepEqual(ids(await rows("pgmq.read('q', 1, 5)")), ["3"]);
      });
    });

    describe("settling", () => {
      it("archive moves all columns", async () => {
        await run(`pgmq.send('q', '{"a": 1}', '{"h": 1}'::jsonb)`);
        const [row] = await rows("pgmq.read('q', 60, 1)");
        const start = await now();
        assert.deepEqual(await run("pgmq.archive('q', 1)"), [true]);
        const [archived] = await rows("pgmq.a_q") as unknown as [Message & { archived_at: Date }];
        const { archived_at, ...columns } = archived;
        assert.deepEqual(columns, row);
        assert.ok(archived_at >= new Date(start.getTime() - 1));
        assert.deepEqual(await rows("pgmq.q_q"), []);
        assert.deepEqual(await run("pgmq.archive('q', 1)"), [false]);
      });

      it("archive and delete of several give the ids that were there, each once", async () => {
        await send(6);
        await run("pgmq.set_vt('q', 2, 60)");
        assert.deepEqual((await run("pgmq.archive('q', array[1, 2, 2, 99])")).toSorted(), [
          "1",
          "2",
        ]);
        assert.deepEqual((await run("pgmq.delete('q', array[3, 3, 4, 1])")).toSorted(), ["3", "4"]);
        assert.deepEqual(await run("pgmq.archive('q', '{}'::bigint[])"), []);
        assert.deepEqual(await run("pgmq.delete('q', null::bigint[])"), []);
        assert.deepEqual(await run("msg_id from pgmq.q_q order by 1"), ["5", "6"]);
      });

      it("delete of one says whether it was there", async () => {
        await send(1);
        assert.deepEqual(await run("pgmq.delete('q', 1)"), [true]);
        assert.deepEqual(await run("pgmq.delete('q', 1)"), [false]);
        assert.deepEqual(await run("pgmq.delete('q', null::bigint)"), [false]);
      });
    });

    describe("metrics", () => {
      const metrics = async (name: string) => (await sql`select * from pgmq.metrics(${name})`)[0]!;

      it("an empty queue has no ages", async () => {
        const { scrape_time, ...row } = await metrics("q");
        assert.ok(scrape_time instanceof Date);
        assert.deepEqual(row, {
          queue_name: "q",
          queue_length: "0",
          newest_msg_age_sec: null,
          oldest_msg_age_sec: null,
          total_messages: "0",
          queue_visible_length: "0",
        });
      });

      it("counts what is there and what ever was, under the name as given", async () => {
        await send(4);
        await run("pgmq.delete('q', 1), pgmq.set_vt('q', 2, 60)");
        await sql`update pgmq.q_q set enqueued_at = now() - msg_id * interval '10.1 s'`;
        const { scrape_time: _, ...row } = await metrics("Q");
        assert.deepEqual(row, {
          queue_name: "Q",
          queue_length: "3",
          newest_msg_age_sec: 20,
          oldest_msg_age_sec: 40,
          total_messages: "4",
          queue_visible_length: "2",
        });
      });

      it("metrics_all has a row for every queue", async () => {
        await run("pgmq.create('r')");
        assert.deepEqual(await run("queue_name from pgmq.metrics_all() order by 1"), ["q", "r"]);
      });

      it("monitoring may measure, but not consume", async () => {
        const as = (call: string) =>
          sql.begin(async (tx) => {
            await tx`set local role pg_monitor`;
            return (await tx.unsafe(`select ${call}`)).length;
          });
        assert.equal(await as("pgmq.list_queues()"), 1);
        assert.equal(await as("pgmq.metrics('q')"), 1);
        assert.equal(await as("pgmq.metrics_all()"), 1);
        for (const call of ["read('q', 0, 1)", "pop('q')", "send('q', '1')", "delete('q', 1)"]) {
          await assert.rejects(as(`pgmq.${call}`), { code: "42501" }, call);
        }
      });
    });
  });
}
