import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, ids, type Pgmq, type Version } from "../_support/conformance.ts";
import { groupOf, sendTo } from "./groups.ts";

/** What the three ways to read groups have in common. */
function grouped(name: string, since: Version) {
  conformance(`Grouped reads: ${name}`, since, (pgmq) => {
    const { kind, during, exec, run, rows, fails, hidden, now } = pgmq;
    const call = (...rest: unknown[]) => `pgmq.${name}('q', ${rest.map(String).join()})`;
    const read = async (...rest: unknown[]) => await rows(call(...rest));

    it("hides what it returns, counts and notes the time", async () => {
      await sendTo(pgmq, "a");
      const start = await now();
      const [row, ...more] = await read(60, 1);
      assert.deepEqual([row, ...more], await rows("pgmq.q_q"));
      assert.deepEqual([row?.msg_id, row?.read_ct, row?.message], ["1", 1, 1]);
      assert.ok(row!.last_read_at! >= start && row!.last_read_at! <= await now());
      assert.equal(await hidden(1), 60);
      assert.deepEqual(await read(60, 1), []);
    });

    it("a vt of zero or less leaves messages visible, null is refused", async () => {
      await sendTo(pgmq, "a", "b");
      for (const [at, vt] of [0, -5, 0].entries()) {
        const counts = (await read(vt, 2)).map(({ read_ct }) => read_ct);
        assert.deepEqual(counts, [at + 1, at + 1]);
      }
      await fails("23502", call(null, 1));
    });

    it("no more than qty, and none of an empty queue", async () => {
      assert.deepEqual(await read(0, 9), []);
      await sendTo(pgmq, "a", "b", "c");
      assert.deepEqual(await read(0, 0), []);
      assert.deepEqual(ids(await read(0, 2)), [1, 2]);
      assert.deepEqual(ids(await read(0, 3)), [1, 2, 3]);
    });

    it("the oldest group comes first, wherever its messages lie on disk", async () => {
      await sendTo(pgmq, "a", "b", "c");
      await exec("update pgmq.q_q set read_ct = 0 where msg_id < 3"); // moves them to the end
      assert.deepEqual(ids(await read(0, 1)), [1]);
      assert.deepEqual(ids(await read(0, 2)), [1, 2]);
    });

    it("a group waits while its oldest message is in flight, others don't", async () => {
      await sendTo(pgmq, "a", "a", "b");
      assert.deepEqual(ids(await read(60, 1)), [1]);
      assert.deepEqual(ids(await read(60, 9)), [3]);
      assert.deepEqual(await read(60, 9), []);
      await run("pgmq.delete('q', 1)");
      assert.deepEqual(ids(await read(60, 9)), [2]);
    });

    it("a group waits while its oldest message is delayed", async () => {
      await run(`pgmq.send('q', '1', '{"x-pgmq-group": "a"}', 60)`);
      await sendTo(pgmq, "a", "b");
      assert.deepEqual(ids(await read(60, 9)), [3]);
    });

    it("a group goes on once its oldest message is visible again, or archived", async () => {
      await sendTo(pgmq, "a", "a");
      await read(60, 1);
      await run("pgmq.set_vt('q', 1, 0)");
      const [row] = await read(60, 1);
      assert.deepEqual([row?.msg_id, row?.read_ct], ["1", 2]);
      await run("pgmq.archive('q', 1)");
      assert.deepEqual(ids(await read(60, 9)), [2]);
    });

    it("messages without a group are one group", async () => {
      await sendTo(pgmq, "a", null);
      await run("pgmq.send('q', '3', '{}'::jsonb)");
      await run(`pgmq.send('q', '4', '{"x-pgmq-group": null}'::jsonb)`);
      await run("pgmq.send('q', '5', '[1]'::jsonb)");
      await run(`pgmq.send('q', '6', '"x-pgmq-group"'::jsonb)`);
      await run("pgmq.send('q', '7', 'null'::jsonb)");
      await run("pgmq.set_vt('q', 2, 60)");
      assert.deepEqual(ids(await read(0, 9)), [1]);
    });

    it("the empty string is a group, and so is any other value as text", async () => {
      await sendTo(pgmq, "", null, "5", "A", "a", " a");
      await run(`pgmq.send('q', '7', '{"x-pgmq-group": 5}'::jsonb)`);
      await run(`pgmq.send('q', '8', '{"x-pgmq-group": {"b": 1}}'::jsonb)`);
      for (const head of [1, 3]) await run(`pgmq.set_vt('q', ${head}, 60)`);
      assert.deepEqual(ids(await read(0, 9)), [2, 4, 5, 6, 8]);
    });

    it("what a transaction has read of a group, nobody else goes on with", async () => {
      await sendTo(pgmq, "a", "a", "b");
      const failing = during(`select ${call(60, 1)}`, async () => {
        assert.ok(!(await read(60, 9)).some((row) => groupOf(row) === "a"));
        throw new Error("no");
      });
      await assert.rejects(failing, { message: "no" });
      const [row] = await read(60, 1);
      assert.deepEqual([row?.msg_id, row?.read_ct], ["1", 1]);
    });

    it("what others have locked is skipped, not waited for", async () => {
      await sendTo(pgmq, "a", "b");
      await during("select from pgmq.q_q where msg_id = 1 for update", async () => {
        assert.deepEqual(ids(await read(60, 9)), [2]);
      });
    });

    // Upstream's read_grouped_rr looks before it locks.
    if (kind === "ours" || name !== "read_grouped_rr") {
      it("concurrent readers never share a group", () => apart(pgmq, () => read(3600, 3)));
    }

    it("an index changes nothing", async () => {
      await run("pgmq.create_fifo_index('q')");
      await sendTo(pgmq, "a", "a", null, "b", null);
      const heads = ids(await read(0, 9));
      await run("pgmq.set_vt('q', 1, 60)");
      const left = ids(await read(0, 9));
      assert.deepEqual([heads, left], [
        name === "read_grouped_head" ? [1, 3, 4] : [1, 2, 3, 4, 5],
        name === "read_grouped_head" ? [3, 4] : [3, 4, 5],
      ]);
    });

    it("arguments may be named", async () => {
      await sendTo(pgmq, "a");
      await run(`pgmq.${name}(qty => 1, vt => 0, queue_name => 'q')`);
      assert.deepEqual(await run("read_ct from pgmq.q_q"), [1]);
    });
  });
}

/** Each group has at most one reader while nothing is settled. */
async function apart(pgmq: Pgmq, read: () => ReturnType<Pgmq["rows"]>) {
  const groups = Array.from({ length: 20 }, (_, at) => `g${at}`);
  await sendTo(pgmq, ...groups, ...groups, ...groups);
  const readers = Array.from({ length: 8 }, async () => {
    const turns = [];
    for (let turn = 0; turn < 10; turn++) turns.push(...await read());
    return turns;
  });
  const byReader = await Promise.all(readers);
  const owners = byReader.flatMap((rows) => [...new Set(rows.map((row) => groupOf(row as never)))]);
  assert.equal(new Set(owners).size, owners.length);
  assert.ok(owners.length > 0);
}

grouped("read_grouped", "1.9");
grouped("read_grouped_rr", "1.9");
grouped("read_grouped_head", "1.11.1");
