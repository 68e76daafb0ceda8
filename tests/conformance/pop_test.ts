import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, distantFuture, ids } from "../_support/conformance.ts";

conformance("pop", "1.5", ({ since, during, exec, run, rows, fails, send }) => {
  it("takes the oldest visible message for good, as it is", async () => {
    await send(4);
    await run("pgmq.set_vt('q', 1, 60)");
    const [stored] = await rows("pgmq.q_q where msg_id = 2");
    assert.deepEqual(await rows("pgmq.pop('q')"), [stored]);
    assert.equal(stored?.read_ct, 0);
    await rows("pgmq.read('q', 0, 1)");
    assert.deepEqual((await rows("pgmq.pop('q')")).map((row) => [row.msg_id, row.read_ct]), [
      ["3", 1],
    ]);
    assert.deepEqual(ids(await rows("pgmq.q_q")), [1, 4]);
    assert.deepEqual(await rows("pgmq.a_q"), []);
  });

  it("takes none where none is visible", async () => {
    assert.deepEqual(await rows("pgmq.pop('q')"), []);
    await run("pgmq.send('q', '1', 60)");
    assert.deepEqual(await rows("pgmq.pop('q')"), []);
  });

  it("skips what others have locked", async () => {
    await send(2);
    await during("select from pgmq.q_q where msg_id = 1 for update", async () => {
      assert.deepEqual(ids(await rows("pgmq.pop('q')")), [2]);
      assert.deepEqual(await rows("pgmq.pop('q')"), []);
    });
  });

  it("never gives a message to two", async () => {
    await send(60);
    const popped: number[] = [];
    await Promise.all(Array.from({ length: 6 }, async () => {
      for (let turn = 0; turn < 12; turn++) popped.push(...ids(await rows("pgmq.pop('q')")));
    }));
    assert.equal(new Set(popped).size, popped.length);
    assert.equal(popped.length + (await rows("pgmq.q_q")).length, 60);
  });

  since("1.7", () => {
    it("takes several, the lowest ids, wherever they lie on disk", async () => {
      await send(5);
      await exec("update pgmq.q_q set read_ct = 0 where msg_id < 3");
      assert.deepEqual(ids(await rows("pgmq.pop('q', 2)")), [1, 2]);
      assert.deepEqual(ids(await rows("pgmq.pop(qty => 9, queue_name => 'q')")), [3, 4, 5]);
    });

    it("qty is one by default, null means all, zero none, negative is refused", async () => {
      await send(4);
      assert.deepEqual(await rows("pgmq.pop('q', 0)"), []);
      await fails("2201W", "pgmq.pop('q', -1)");
      assert.deepEqual(ids(await rows("pgmq.pop('q')")), [1]);
      assert.deepEqual(ids(await rows("pgmq.pop('q', null)")), [2, 3, 4]);
    });
  });
});

conformance("set_vt", "1.5", ({ kind, since, during, run, rows, fails, send, hidden }) => {
  const time = `'${distantFuture}'::timestamptz`;

  it("makes a message visible so many seconds from now, and gives the row", async () => {
    await send(2);
    const [row, ...more] = await rows("pgmq.set_vt('q', 1, 60)");
    assert.deepEqual([row, ...more], await rows("pgmq.q_q where msg_id = 1"));
    assert.deepEqual([await hidden(1), await hidden(2)], [60, 0]);
    await run("pgmq.set_vt('q', 1, 0)");
    assert.equal(await hidden(1), 0);
    await run("pgmq.set_vt('q', 1, -60)");
    assert.equal(await hidden(1), -60);
    assert.deepEqual(ids(await rows("pgmq.read('q', 0, 9)")), [1, 2]);
  });

  it("changes nothing but vt, of a message that was read or not", async () => {
    await send(2);
    await rows("pgmq.read('q', 60, 1)");
    for (const id of [1, 2]) {
      const [{ vt: _, ...before }] = await rows(`pgmq.q_q where msg_id = ${id}`) as [{ vt: Date }];
      const [{ vt, ...row }] = await rows(`pgmq.set_vt('q', ${id}, 600)`) as [{ vt: Date }];
      assert.deepEqual(row, before);
      assert.deepEqual((await rows(`pgmq.q_q where msg_id = ${id}`))[0]?.vt, vt);
    }
  });

  it("gives nothing where there is no such message", async () => {
    assert.deepEqual(await rows("pgmq.set_vt('q', 9, 60)"), []);
    assert.deepEqual(await rows("pgmq.set_vt('q', null::bigint, 60)"), []);
    assert.deepEqual(await rows("pgmq.set_vt(queue_name => 'q', msg_id => 9, vt => 60)"), []);
  });

  it("is by the clock, also in a transaction that has begun before", async () => {
    await send(1);
    const [began, row] = await during("select pg_sleep(0.02)", async (tx) => {
      const [begun] = await tx<{ now: Date }[]>`select now()`;
      const [row] = await tx<{ vt: Date }[]>`select vt from pgmq.set_vt('q', 1, 0)`;
      return [begun!.now, row!];
    });
    assert.ok(row.vt > began);
  });

  it("a time that is null is refused", async () => {
    await send(1);
    await fails("23502", "pgmq.set_vt('q', 1, null::integer)");
  });

  since("1.8", () => {
    it("takes several, all to one time, and gives those that there are", async () => {
      await send(4);
      const found = await rows("pgmq.set_vt('q', array[3, 2, 2, 9, null], 30)");
      assert.deepEqual(ids(found), [2, 3]);
      assert.deepEqual(found[0]?.vt, found[1]?.vt);
      assert.deepEqual(await Promise.all([1, 2, 3, 4].map(hidden)), [0, 30, 30, 0]);
      assert.deepEqual(await rows("pgmq.set_vt('q', '{}'::bigint[], 30)"), []);
      assert.deepEqual(await rows("pgmq.set_vt('q', null::bigint[], 30)"), []);
      await fails("23502", "pgmq.set_vt('q', array[1], null::integer)");
      await run("pgmq.set_vt(vt => 0, msg_ids => array[2], queue_name => 'q')");
      assert.equal(await hidden(2), 0);
    });

    it("an id that is untyped is ambiguous", async () => {
      await fails("42725", "pgmq.set_vt('q', '1', 60)");
    });
  });

  since("1.10", () => {
    it("takes a time", async () => {
      await send(3);
      const distant = new Date(distantFuture);
      const [row] = await rows(`pgmq.set_vt('q', 1, ${time})`);
      assert.deepEqual([row?.vt, row?.read_ct, row?.last_read_at], [distant, 0, null]);
      const several = await rows(`pgmq.set_vt('q', array[2, 3, 3, 9], ${time})`);
      assert.deepEqual(several.map(({ vt }) => vt), [distant, distant]);
      assert.deepEqual(ids(several), [2, 3]);
      assert.deepEqual(await rows(`pgmq.set_vt('q', 9, ${time})`), []);
      await run("pgmq.set_vt(queue_name => 'q', msg_id => 1, vt => now())");
      await run("pgmq.set_vt(queue_name => 'q', msg_ids => array[2], vt => now())");
      assert.deepEqual(ids(await rows("pgmq.read('q', 0, 9)")), [1, 2]);
      await fails("23502", "pgmq.set_vt('q', 1, null::timestamptz)");
      await fails("23502", "pgmq.set_vt('q', array[1], null::timestamptz)");
    });

    it("a time that is untyped is ambiguous", async () => {
      await fails("42725", "pgmq.set_vt('q', 1, null)");
    });
  });

  if (kind === "older") {
    it("there are no other forms", () => fails("42883", "pgmq.set_vt('q', array[1], 60)"));
  }
});
