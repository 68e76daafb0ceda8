import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, ids, type Message } from "../_support/conformance.ts";
import { onQueues, withName } from "./calls.ts";

conformance("Names", "1.5", ({ version, since, during, run, rows, fails }) => {
  const tables = async () =>
    await run(`relname from pg_class where relnamespace = 'pgmq'::regnamespace
      and relkind = 'r' and relname ~ '^[aq]_' and relname !~ '_q$' order by 1`);

  it("tables are named in lower case, meta keeps the name as given", async () => {
    await run("pgmq.create('Big-One')");
    await run("pgmq.create_unlogged('UN')");
    assert.deepEqual(await tables(), ["a_big-one", "a_un", "q_big-one", "q_un"]);
    const names = "queue_name from pgmq.list_queues() where queue_name <> 'q'";
    assert.deepEqual((await run(names)).toSorted(), ["Big-One", "UN"]);
    assert.deepEqual(await run("pgmq.drop_queue('Big-One')"), [true]);
    assert.deepEqual(await run("pgmq.drop_queue('UN')"), [true]);
    assert.deepEqual(await tables(), []);
  });

  it("every function takes the name in any case", async () => {
    await run("pgmq.create('Big')");
    for (const call of withName(onQueues, version, "BIG")) await run(call);
    assert.equal((await rows("pgmq.list_queues()")).length, 2);
  });

  it("format_table_name puts prefix and name together in lower case", async () => {
    assert.deepEqual(await run("pgmq.format_table_name('A-b C', 'Q')"), ["q_a-b c"]);
    for (const name of ["a$", "a;", "a--b", "a''b"]) {
      await fails("P0001", `pgmq.format_table_name('${name}', 'q')`, /invalid characters/);
    }
  });

  it("names have at most 47 characters, checked where a queue is made", async () => {
    const name = "n".repeat(47);
    await run(`pgmq.validate_queue_name('${name}')`);
    await fails("P0001", `pgmq.validate_queue_name('${name}n')`);
    for (const create of ["create", "create_non_partitioned", "create_unlogged"]) {
      await fails("P0001", `pgmq.${create}('${name}n')`, /too long/);
      await run(`pgmq.${create}('${name}')`);
      await run(`pgmq.send('${name}', '1')`);
      assert.deepEqual(ids(await rows(`pgmq.q_${name}`)), [1]);
      assert.deepEqual(await run(`pgmq.drop_queue('${name}')`), [true]);
    }
    await fails("P0001", `pgmq.create_partitioned('${name}n')`, /too long/);
    for (const call of withName(onQueues, version, `${name}n`)) await fails("42P01", call);
  });

  it("a name that is null is refused", async () => {
    for (const create of ["create", "create_non_partitioned", "create_unlogged"]) {
      await fails("22004", `pgmq.${create}(null)`);
    }
    for (const call of withName(onQueues, version, null)) await fails("22004", call);
  });

  it("an unknown queue is 42P01", async () => {
    for (const call of withName(onQueues, version, "no")) await fails("42P01", call);
  });

  it("metrics give the name as it was asked for", async () => {
    assert.deepEqual(await run("queue_name from pgmq.metrics('Q')"), ["Q"]);
  });

  since("1.11", () => {
    it("notify settings and bindings keep the name as given", async () => {
      await run("pgmq.create('Big')");
      await run("pgmq.enable_notify_insert('Big', 0)");
      await run("pgmq.bind_topic('a', 'Big')");
      assert.deepEqual(await run("queue_name from pgmq.list_notify_insert_throttles()"), ["Big"]);
      assert.deepEqual(await run("queue_name from pgmq.list_topic_bindings()"), ["Big"]);
      assert.deepEqual(await run("queue_name from pgmq.list_topic_bindings('Big')"), ["Big"]);
      assert.deepEqual(await run("queue_name from pgmq.send_batch_topic('a', '{1}')"), ["Big"]);
      assert.deepEqual(ids(await rows("pgmq.q_big")), [1]);
      for (const call of ["update_notify_insert('BIG', 0)", "bind_topic('a', 'BIG')"]) {
        await fails("P0001", `pgmq.${call}`);
      }
      assert.deepEqual(await run("pgmq.unbind_topic('a', 'BIG')"), [false]);
    });
  });

  it("vt is the clock's time, enqueued_at and archived_at are the transaction's", async () => {
    const [began, row] = await during("select pgmq.create('t')", async (tx) => {
      await tx`select pg_sleep(0.02)`;
      await tx`select pgmq.send('t', '1')`;
      const [sent] = await tx<Message[]>`select * from pgmq.q_t`;
      await tx`select pg_sleep(0.02)`;
      const [read] = await tx<Message[]>`select * from pgmq.read('t', 0, 1)`;
      await tx`select pgmq.archive('t', 1)`;
      const [archived] = await tx<Message[]>`select * from pgmq.a_t`;
      const [{ now } = { now: new Date(0) }] = await tx<{ now: Date }[]>`select now()`;
      assert.ok(sent!.vt > now && read!.vt > sent!.vt);
      return [now, archived!];
    });
    assert.deepEqual([row.enqueued_at, row.archived_at], [began, began]);
  });

  it("a message is visible from its vt on, also inside a long transaction", async () => {
    await run("pgmq.send('q', '1', clock_timestamp() + interval '1 hour')");
    const found = await during("select now()", async (tx) => {
      const read = async () => (await tx`select * from pgmq.read('q', 0, 1)`).length;
      const early = await read();
      await tx`update pgmq.q_q set vt = clock_timestamp()`;
      return [early, await read()];
    });
    assert.deepEqual(found, [0, 1]);
  });
});
