import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, distantFuture, ids } from "../_support/conformance.ts";

interface Sent {
  readonly queue_name: string;
  readonly msg_id: string;
}

const time = `'${distantFuture}'::timestamptz`;

/** The queues of each check with what each gets of `a.b`: two of them, `Big` by two patterns. */
const bound = `select pgmq.create('Big'), pgmq.create('other');
  select pgmq.bind_topic('a.*', 'q'), pgmq.bind_topic('a.*', 'Big'), pgmq.bind_topic('#', 'Big'),
    pgmq.bind_topic('b', 'other')`;

conformance("Sending to a topic", "1.11", ({ exec, run, rows, fails, hidden }) => {
  it("each queue that matches gets the message once", async () => {
    await exec(bound);
    assert.deepEqual(await run(`pgmq.send_topic('a.b', '{"a": 1}')`), [2]);
    for (const table of ["pgmq.q_q", "pgmq.q_big"]) {
      const [row, ...more] = await rows(table);
      assert.deepEqual([row?.msg_id, row?.message, row?.headers], ["1", { a: 1 }, null]);
      assert.deepEqual(more, []);
    }
    assert.deepEqual(await rows("pgmq.q_other"), []);
  });

  it("has three forms", async () => {
    await exec(bound);
    assert.deepEqual(await run("pgmq.send_topic('a.b', '1')"), [2]);
    assert.deepEqual(await run("pgmq.send_topic('a.b', '2', '60')"), [2]);
    assert.deepEqual(await run(`pgmq.send_topic('a.b', '3', '{"h": 1}', 30)`), [2]);
    assert.deepEqual(await run("pgmq.send_topic('a.b', '4', null, 0)"), [2]);
    assert.deepEqual(await Promise.all([1, 2, 3, 4].map(hidden)), [0, 60, 30, 0]);
    const all = await rows("pgmq.q_q order by msg_id");
    assert.deepEqual(all.map(({ message, headers }) => [message, headers]), [
      [1, null],
      [2, null],
      [3, { h: 1 }],
      [4, null],
    ]);
  });

  it("no queue may match", async () => {
    assert.deepEqual(await run("pgmq.send_topic('a.b', '1')"), [0]);
    await exec(bound);
    await run("pgmq.unbind_topic('#', 'Big')");
    assert.deepEqual(await run("pgmq.send_topic('z', '1')"), [0]);
    assert.deepEqual(await run("pgmq.send_topic('z', '1', '{}', 60)"), [0]);
  });

  it("a queue that is unlogged gets it too, one that was dropped doesn't hinder", async () => {
    await exec(bound);
    await run("pgmq.create_unlogged('u'), pgmq.drop_queue('Big')");
    await run("pgmq.bind_topic('a.#', 'u')");
    assert.deepEqual(await run("pgmq.send_topic('a.b', '1')"), [2]);
    assert.deepEqual(ids(await rows("pgmq.q_u")), [1]);
  });

  it("a bad key, a null message or a negative delay is refused, whoever is bound", async () => {
    for (const binding of ["select 1", bound]) {
      await exec(binding);
      for (const key of ["null", "''", "'a..b'", "'a.*'"]) {
        await fails("P0001", `pgmq.send_topic(${key}, '1')`, /^routing_key/);
      }
      for (const more of ["null", "null, 0", "null, '{}', 0"]) {
        await fails("P0001", `pgmq.send_topic('a.b', ${more})`, /^msg/);
      }
      for (const more of ["'1', -1", "'1', '{}', -1"]) {
        await fails("P0001", `pgmq.send_topic('a.b', ${more})`, /^delay/);
      }
    }
    await fails("23502", "pgmq.send_topic('a.b', '1', null::integer)");
    assert.deepEqual(await rows("pgmq.q_q"), []);
  });

  it("all or nothing", async () => {
    await exec(`${bound}; drop table pgmq.q_q`);
    await fails("42P01", "pgmq.send_topic('a.b', '1')");
    assert.deepEqual(await rows("pgmq.q_big"), []);
  });

  it("arguments may be named", async () => {
    await exec(bound);
    const three = "msg => '1', routing_key => 'a.b', delay => 0";
    assert.deepEqual(await run("pgmq.send_topic(msg => '1', routing_key => 'a.b')"), [2]);
    assert.deepEqual(await run(`pgmq.send_topic(${three})`), [2]);
    assert.deepEqual(await run(`pgmq.send_topic(${three}, headers => '{}')`), [2]);
  });
});

conformance("Sending batches to a topic", "1.11", ({ exec, run, rows, fails, hidden }) => {
  const two = "array['1', null]::jsonb[]";
  const headers = `array[null, '{"h": 1}']::jsonb[]`;
  const send = async (...rest: string[]) =>
    (await rows<Sent>(`pgmq.send_batch_topic(${["'a.b'", ...rest].join()})`))
      .map(({ queue_name, msg_id }) => `${queue_name} ${msg_id}`);
  const sent = (first: number) =>
    ["Big", "q"].flatMap((queue) => {
      return [`${queue} ${first}`, `${queue} ${first + 1}`];
    });

  it("has six forms, and gives queue and id, queue by queue in order of name", async () => {
    await exec(bound);
    assert.deepEqual(await send(two), sent(1));
    assert.deepEqual(await send(two, headers), sent(3));
    assert.deepEqual(await send(two, "60"), sent(5));
    assert.deepEqual(await send(two, time), sent(7));
    assert.deepEqual(await send(two, headers, "30"), sent(9));
    assert.deepEqual(await send(two, headers, time), sent(11));

    for (const table of ["pgmq.q_q", "pgmq.q_big"]) {
      const all = await rows(`${table} order by msg_id`);
      assert.deepEqual(all.map((row) => row.message), Array(6).fill([1, null]).flat());
      const [plain, headed] = [[null, null], [null, { h: 1 }]];
      assert.deepEqual(
        all.map((row) => row.headers),
        [plain, headed, plain, plain, headed, headed].flat(),
      );
      const distant = new Date(distantFuture);
      assert.deepEqual([6, 7, 10, 11].map((at) => all[at]?.vt), Array(4).fill(distant));
    }
    assert.deepEqual(await Promise.all([1, 2, 3, 4, 5, 6, 9, 10].map(hidden)), [
      ...[0, 0, 0, 0],
      ...[60, 60, 30, 30],
    ]);
    assert.deepEqual(await rows("pgmq.q_other"), []);
  });

  it("no queue may match", async () => {
    assert.deepEqual(await send(two), []);
    assert.deepEqual(await send(two, headers, "60"), []);
  });

  it("headers may be null altogether, and a delay zero or less", async () => {
    await run("pgmq.bind_topic('a.b', 'q')");
    assert.deepEqual(await send(two, "null::jsonb[]"), ["q 1", "q 2"]);
    assert.deepEqual(await send(two, "null", "0"), ["q 3", "q 4"]);
    assert.deepEqual(await send(two, "-60"), ["q 5", "q 6"]);
    assert.deepEqual(ids(await rows("pgmq.read('q', 0, 9)")), [1, 2, 3, 4, 5, 6]);
  });

  it("a batch that is empty, null or unlike its headers is refused, whoever is bound", async () => {
    for (const binding of ["select 1", bound]) {
      await exec(binding);
      for (const msgs of ["'{}'::jsonb[]", "null::jsonb[]"]) {
        for (
          const more of ["", ", null::jsonb[]", ", 0", ", now()", ", null, 0", ", null, now()"]
        ) {
          await fails("P0001", `pgmq.send_batch_topic('a.b', ${msgs}${more})`);
        }
      }
      for (const headers of ["'{}'", "'{null}'", "'{null,null,null}'"]) {
        for (const more of ["::jsonb[]", ", 0", ", now()"]) {
          await fails("P0001", `pgmq.send_batch_topic('a.b', ${two}, ${headers}${more})`);
        }
      }
      for (const key of ["null", "''", "'a..b'", "'a.*'"]) {
        await fails("P0001", `pgmq.send_batch_topic(${key}, ${two})`, /^routing_key/);
      }
    }
    assert.deepEqual(await rows("pgmq.q_q"), []);
  });

  it("a delay that is null is refused, one that is untyped is ambiguous", async () => {
    await exec(bound);
    for (const type of ["integer", "timestamptz"]) {
      await fails("23502", `pgmq.send_batch_topic('a.b', '{1}', null::${type})`);
      await fails("23502", `pgmq.send_batch_topic('a.b', '{1}', '{null}', null::${type})`);
    }
    for (const untyped of ["null", "'5'"]) {
      await fails("42725", `pgmq.send_batch_topic('a.b', '{1}', ${untyped})`);
      await fails("42725", `pgmq.send_batch_topic('a.b', '{1}', '{null}', ${untyped})`);
    }
  });

  it("arguments may be named", async () => {
    await exec(bound);
    const names = ["msgs => '{1}'::jsonb[]", "routing_key => 'a.b'"];
    const headers = "headers => '{null}'::jsonb[]";
    const calls = ["delay => 0", "delay => now()"].flatMap((delay) => [
      [...names, delay],
      [headers, delay, ...names],
    ]);
    for (const call of [names, [...names, headers], ...calls]) {
      const made = await run(`queue_name from pgmq.send_batch_topic(${call.join()})`);
      assert.deepEqual(made, ["Big", "q"]);
    }
  });
});
