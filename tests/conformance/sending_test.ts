import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, distantFuture, ids } from "../_support/conformance.ts";

conformance("Sending", "1.5", ({ exec, run, rows, fails, hidden }) => {
  const time = `'${distantFuture}'::timestamptz`;
  /** Message and headers of all that was sent. */
  const stored = async () =>
    (await rows("pgmq.q_q order by msg_id")).map(({ message, headers }) => [message, headers]);
  const vtOf = async (id: number) => (await rows(`pgmq.q_q where msg_id = ${id}`))[0]?.vt;

  it("send has six forms, each of which gives one id", async () => {
    assert.deepEqual(await run("pgmq.send('q', '{\"a\": 1}')"), ["1"]);
    assert.deepEqual(await run("pgmq.send('q', '2', '{\"h\": 1}'::jsonb)"), ["2"]);
    assert.deepEqual(await run("pgmq.send('q', '3', 60)"), ["3"]);
    assert.deepEqual(await run(`pgmq.send('q', '4', ${time})`), ["4"]);
    assert.deepEqual(await run("pgmq.send('q', '5', '{\"h\": 2}', 30)"), ["5"]);
    assert.deepEqual(await run(`pgmq.send('q', '6', '{\"h\": 3}', ${time})`), ["6"]);

    assert.deepEqual(await stored(), [
      [{ a: 1 }, null],
      [2, { h: 1 }],
      [3, null],
      [4, null],
      [5, { h: 2 }],
      [6, { h: 3 }],
    ]);
    assert.deepEqual(await Promise.all([1, 2, 3, 5].map(hidden)), [0, 0, 60, 30]);
    const distant = new Date(distantFuture);
    assert.deepEqual(await Promise.all([4, 6].map(vtOf)), [distant, distant]);
  });

  it("a message is unread when it is sent", async () => {
    await run("pgmq.send('q', '1')");
    const [row] = await rows("pgmq.q_q");
    assert.equal(row?.read_ct, 0);
    assert.equal(row?.last_read_at ?? null, null);
  });

  it("message and headers may be null or any JSON", async () => {
    const values = ["null", "'null'", "'\"text\"'", "'[1, [2]]'", "'1.50'", "'false'", "'{}'"];
    for (const value of values) await run(`pgmq.send('q', ${value}, ${value}::jsonb)`);
    assert.deepEqual(
      await run("concat_ws(' ', message::text, headers::text) from pgmq.q_q order by msg_id"),
      ["", "null null", '"text" "text"', "[1, [2]] [1, [2]]", "1.50 1.50", "false false", "{} {}"],
    );
  });

  it("a delay of zero or less is no delay", async () => {
    await run("pgmq.send('q', '1', 0)");
    await run("pgmq.send('q', '1', -60)");
    await run("pgmq.send('q', '1', null, -60)");
    await run("pgmq.send('q', '1', '2001-01-01'::timestamptz)");
    assert.deepEqual(await run("'2001-01-01'::timestamptz"), [await vtOf(4)]);
    assert.deepEqual(ids(await rows("pgmq.read('q', 0, 9)")), [1, 2, 3, 4]);
  });

  it("a delay that is null is refused", async () => {
    for (const type of ["integer", "timestamptz"]) {
      await fails("23502", `pgmq.send('q', '1', null::${type})`);
      await fails("23502", `pgmq.send('q', '1', '{}', null::${type})`);
      await fails("23502", `pgmq.send_batch('q', '{1}', null::${type})`);
      await fails("23502", `pgmq.send_batch('q', '{1}', '{null}', null::${type})`);
    }
  });

  it("an untyped literal or null is ambiguous where forms differ by its type", async () => {
    for (const untyped of ["null", "'5'"]) {
      await fails("42725", `pgmq.send('q', '1', ${untyped})`);
      await fails("42725", `pgmq.send('q', '1', '{}', ${untyped})`);
      await fails("42725", `pgmq.send_batch('q', '{1}', ${untyped})`);
      await fails("42725", `pgmq.send_batch('q', '{1}', '{null}', ${untyped})`);
    }
  });

  it("arguments may be named", async () => {
    const [name, msg, headers] = ["queue_name => 'q'", "msg => '1'", "headers => '{}'::jsonb"];
    for (const delay of ["delay => 0", "delay => now()"]) {
      await run(`pgmq.send(${name}, ${msg}, ${delay})`);
      await run(`pgmq.send(${delay}, ${headers}, ${msg}, ${name})`);
    }
    await run(`pgmq.send(${name}, ${msg})`);
    await run(`pgmq.send(${name}, ${msg}, ${headers})`);
    assert.equal((await rows("pgmq.q_q")).length, 6);
  });

  it("ids rise, and a send that is rolled back leaves a gap", async () => {
    await run("pgmq.send('q', '1')");
    await assert.rejects(exec("select pgmq.send('q', '2'); select 1 / 0"), { code: "22012" });
    assert.deepEqual(await run("pgmq.send('q', '3')"), ["3"]);
    assert.deepEqual(await stored(), [[1, null], [3, null]]);
  });
});

conformance("Sending batches", "1.5", ({ since, exec, run, rows, fails, hidden }) => {
  const two = "array['1', null]::jsonb[]";
  const headers = `array[null, '{"h": 1}']::jsonb[]`;
  const time = `'${distantFuture}'::timestamptz`;

  it("send_batch has six forms, and its ids are in the order of the array", async () => {
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two})`), ["1", "2"]);
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers})`), ["3", "4"]);
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, 60)`), ["5", "6"]);
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${time})`), ["7", "8"]);
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers}, 30)`), ["9", "10"]);
    assert.deepEqual(await run(`pgmq.send_batch('q', ${two}, ${headers}, ${time})`), ["11", "12"]);

    const all = await rows("pgmq.q_q order by msg_id");
    assert.deepEqual(all.map((row) => row.message), Array(6).fill([1, null]).flat());
    const [plain, headed] = [[null, null], [null, { h: 1 }]];
    assert.deepEqual(
      all.map((row) => row.headers),
      [plain, headed, plain, plain, headed, headed].flat(),
    );
    assert.deepEqual(await Promise.all([1, 2, 3, 4, 5, 6, 9, 10].map(hidden)), [
      ...[0, 0, 0, 0],
      ...[60, 60, 30, 30],
    ]);
    const distant = new Date(distantFuture);
    assert.deepEqual([6, 7, 10, 11].map((at) => all[at]?.vt), Array(4).fill(distant));
  });

  it("a big batch keeps its order", async () => {
    const big = "array(select to_jsonb(n) from generate_series(1, 5000) n)";
    const sent = await run(`pgmq.send_batch('q', ${big})`);
    assert.deepEqual(sent, Array.from({ length: 5000 }, (_, at) => String(at + 1)));
    const misplaced = "count(*)::int from pgmq.q_q where message <> to_jsonb(msg_id)";
    assert.deepEqual(await run(misplaced), [0]);
  });

  it("a delay of zero or less is no delay", async () => {
    await run(`pgmq.send_batch('q', ${two}, -60)`);
    await run(`pgmq.send_batch('q', ${two}, ${headers}, 0)`);
    assert.deepEqual((await rows("pgmq.read('q', 0, 9)")).length, 4);
  });

  it("headers may be null altogether", async () => {
    await run(`pgmq.send_batch('q', ${two}, null::jsonb[])`);
    await run(`pgmq.send_batch('q', ${two}, null, 0)`);
    assert.deepEqual((await rows("pgmq.q_q")).map((row) => row.headers), [null, null, null, null]);
  });

  it("all or nothing", async () => {
    await exec("alter table pgmq.q_q add constraint small check (message < '3')");
    await fails("23514", "pgmq.send_batch('q', '{1,2,3}'::jsonb[])");
    assert.deepEqual(await rows("pgmq.q_q"), []);
  });

  it("arguments may be named", async () => {
    const [name, msgs] = ["queue_name => 'q'", "msgs => '{1}'::jsonb[]"];
    const headers = "headers => '{null}'::jsonb[]";
    for (const delay of ["delay => 0", "delay => now()"]) {
      await run(`pgmq.send_batch(${name}, ${msgs}, ${delay})`);
      await run(`pgmq.send_batch(${delay}, ${headers}, ${msgs}, ${name})`);
    }
    await run(`pgmq.send_batch(${name}, ${msgs})`);
    await run(`pgmq.send_batch(${name}, ${msgs}, ${headers})`);
    assert.equal((await rows("pgmq.q_q")).length, 6);
  });

  since("1.11", () => {
    it("a batch that is empty, null or unlike its headers is refused", async () => {
      for (const msgs of ["'{}'::jsonb[]", "null::jsonb[]"]) {
        for (
          const more of ["", ", null::jsonb[]", ", 0", ", now()", ", null, 0", ", null, now()"]
        ) {
          await fails("P0001", `pgmq.send_batch('q', ${msgs}${more})`);
        }
      }
      for (const headers of ["'{}'", "'{null}'", "'{null,null,null}'"]) {
        for (const more of ["::jsonb[]", ", 0", ", now()"]) {
          await fails("P0001", `pgmq.send_batch('q', ${two}, ${headers}${more})`);
        }
      }
      assert.deepEqual(await rows("pgmq.q_q"), []);
    });
  });
});
