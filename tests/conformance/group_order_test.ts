import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, ids } from "../_support/conformance.ts";
import { sendTo } from "./groups.ts";

conformance("Which messages of groups", "1.9", (pgmq) => {
  const { since, exec, run, rows } = pgmq;
  const read = async (form: string, qty: number, vt = 0) =>
    await rows(`pgmq.read_grouped${form}('q', ${vt}, ${qty})`);
  const inOrder = async (form: string, qty: number) =>
    (await read(form, qty)).map(({ msg_id }) => Number(msg_id));

  it("read_grouped fills the batch from the oldest group, then from the next", async () => {
    await sendTo(pgmq, "a", "b", "b", "c", "a", "d");
    const batches = [];
    for (let qty = 1; qty <= 6; qty++) batches.push(ids(await read("", qty)));
    assert.deepEqual(batches, [
      [1],
      [1, 5],
      [1, 2, 5],
      [1, 2, 3, 5],
      [1, 2, 3, 4, 5],
      [1, 2, 3, 4, 5, 6],
    ]);
  });

  it("read_grouped goes by the heads, not by what else the groups have", async () => {
    await sendTo(pgmq, "b", "a", "a", "b");
    await run("pgmq.delete('q', 1)");
    assert.deepEqual(ids(await read("", 2)), [2, 3]);
  });

  it("read_grouped takes several of a group, which then waits for all of them", async () => {
    await sendTo(pgmq, "a", "a", "a");
    assert.deepEqual(ids(await read("", 2, 60)), [1, 2]);
    await run("pgmq.delete('q', 1)");
    assert.deepEqual(await read("", 9, 60), []);
    await run("pgmq.delete('q', 2)");
    assert.deepEqual(ids(await read("", 9, 60)), [3]);
  });

  it("read_grouped passes over groups that wait", async () => {
    await sendTo(pgmq, "a", "b", "a", "c", "b");
    await run("pgmq.set_vt('q', 1, 60)");
    assert.deepEqual(ids(await read("", 2)), [2, 5]);
    assert.deepEqual(ids(await read("", 9)), [2, 4, 5]);
  });

  it("read_grouped_rr gives the first of each group, then the second, in this order", async () => {
    await sendTo(pgmq, "a", "b", "b", "c", "a", "d", "b");
    const order = [1, 2, 4, 6, 5, 3, 7];
    // Of the second ones, that of the group with the oldest head comes first.
    for (let qty = 1; qty <= 7; qty++) {
      assert.deepEqual(await inOrder("_rr", qty), order.slice(0, qty));
    }
    await exec("update pgmq.q_q set read_ct = 0 where msg_id % 2 = 1"); // moves them to the end
    assert.deepEqual(await inOrder("_rr", 9), order);
    assert.deepEqual(await inOrder("_rr_with_poll", 9), order);
  });

  it("read_grouped_rr passes over groups that wait", async () => {
    await sendTo(pgmq, "a", "b", "a", "c", "b");
    await run("pgmq.set_vt('q', 1, 60)");
    assert.deepEqual(await inOrder("_rr", 2), [2, 4]);
    assert.deepEqual(await inOrder("_rr", 9), [2, 4, 5]);
  });

  since("1.11.1", () => {
    it("read_grouped_head gives the heads of the groups with the oldest ones", async () => {
      await sendTo(pgmq, "a", "b", "b", "c", "a", null, null);
      assert.deepEqual(ids(await read("_head", 1)), [1]);
      assert.deepEqual(ids(await read("_head", 3)), [1, 2, 4]);
      assert.deepEqual(ids(await read("_head", 9)), [1, 2, 4, 6]);
      await run("pgmq.set_vt('q', 2, 60)");
      assert.deepEqual(ids(await read("_head", 2)), [1, 4]);
    });
  });
});

conformance("Indexes for groups", "1.9", ({ exec, run, fails }) => {
  const indexes = async () =>
    await run("indexname from pg_indexes where indexname ~ 'fifo' order by 1");

  it("create_fifo_index makes one, again nothing", async () => {
    await run("pgmq.create_fifo_index('q')");
    const oid = "'pgmq.q_q_fifo_idx'::regclass::oid";
    const [first] = await run(oid);
    await run("pgmq.create_fifo_index(queue_name => 'Q')");
    assert.deepEqual(await run(oid), [first]);
    assert.deepEqual(await indexes(), ["q_q_fifo_idx"]);
    const table = "indrelid::regclass::text from pg_index where indexrelid =";
    assert.deepEqual(await run(`${table} 'pgmq.q_q_fifo_idx'::regclass`), ["pgmq.q_q"]);
    await fails("42P01", "pgmq.create_fifo_index('no')");
  });

  it("create_fifo_indexes_all makes one for every queue, again nothing", async () => {
    await run("pgmq.create('Big One'), pgmq.create_unlogged('u'), pgmq.create_fifo_index('u')");
    for (let times = 0; times < 2; times++) {
      await run("pgmq.create_fifo_indexes_all()");
      assert.deepEqual(await indexes(), [
        "q_big one_fifo_idx",
        "q_q_fifo_idx",
        "q_u_fifo_idx",
      ]);
    }
    await exec("delete from pgmq.meta where queue_name <> 'q'");
    await exec(`drop table pgmq."q_big one", pgmq."a_big one", pgmq.q_u, pgmq.a_u`);
  });
});
