import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, ids } from "../_support/conformance.ts";

conformance("Settling", "1.5", ({ kind, during, exec, run, rows, fails, send, now }) => {
  const there = async () => ids(await rows("pgmq.q_q"));
  const archived = async () => ids(await rows("pgmq.a_q"));
  /** One that is visible, one that was read, one that is delayed. */
  const sendThree = async () => {
    await run("pgmq.send('q', '{\"a\": 1}', '{\"h\": 1}'::jsonb)");
    await rows("pgmq.read('q', 60, 1)");
    await run("pgmq.send('q', '2'), pgmq.send('q', '3', 60)");
  };

  it("archive moves a message with all its columns", async () => {
    await sendThree();
    const before = await rows("pgmq.q_q order by msg_id");
    const start = await now();
    for (const id of [1, 2, 3]) assert.deepEqual(await run(`pgmq.archive('q', ${id})`), [true]);
    const end = await now();
    assert.deepEqual(await there(), []);
    for (const [at, row] of (await rows("pgmq.a_q order by msg_id")).entries()) {
      const { archived_at, ...columns } = row;
      assert.deepEqual(columns, before[at]);
      // Both are cut to milliseconds.
      assert.ok(archived_at! >= start && archived_at! <= end);
    }
    const lastRead = kind === "older" ? [] : ["last_read_at"];
    assert.deepEqual(Object.keys((await rows("pgmq.a_q"))[0]!), [
      ...["msg_id", "read_ct", "enqueued_at", ...lastRead],
      ...["archived_at", "vt", "message", "headers"],
    ]);
  });

  it("archive of several gives the ids that were there, each once", async () => {
    await sendThree();
    const before = await rows("pgmq.q_q order by msg_id");
    const moved = await run("pgmq.archive('q', array[1, 3, 3, 99, null])");
    assert.deepEqual(moved.toSorted(), ["1", "3"]);
    assert.deepEqual([await there(), await archived()], [[2], [1, 3]]);
    const [{ archived_at: _, ...columns }] = await rows("pgmq.a_q order by msg_id") as [
      { archived_at: Date },
    ];
    assert.deepEqual(columns, before[0]);
    assert.deepEqual(await run("pgmq.archive('q', array[1, 3])"), []);
  });

  it("delete removes a message, and says whether it was there", async () => {
    await sendThree();
    for (const id of [1, 2, 3]) {
      assert.deepEqual(await run(`pgmq.delete('q', ${id})`), [true]);
      assert.deepEqual(await run(`pgmq.delete('q', ${id})`), [false]);
    }
    assert.deepEqual([await there(), await archived()], [[], []]);
  });

  it("delete of several gives the ids that were there, each once", async () => {
    await sendThree();
    const gone = await run("pgmq.delete('q', array[1, 3, 3, 99, null])");
    assert.deepEqual(gone.toSorted(), ["1", "3"]);
    assert.deepEqual([await there(), await archived()], [[2], []]);
    assert.deepEqual(await run("pgmq.delete('q', array[1, 3])"), []);
  });

  for (const settle of ["archive", "delete"]) {
    it(`${settle} finds nothing where there is no such message`, async () => {
      await send(1);
      assert.deepEqual(await run(`pgmq.${settle}('q', 9)`), [false]);
      assert.deepEqual(await run(`pgmq.${settle}('q', -1)`), [false]);
      assert.deepEqual(await run(`pgmq.${settle}('q', null::bigint)`), [false]);
      assert.deepEqual(await run(`pgmq.${settle}('q', '{}'::bigint[])`), []);
      assert.deepEqual(await run(`pgmq.${settle}('q', null::bigint[])`), []);
      assert.deepEqual(await run(`pgmq.${settle}('q', array[9])`), []);
      assert.deepEqual(await there(), [1]);
    });

    it(`${settle} of an untyped id is ambiguous`, async () => {
      for (const id of ["'1'", "null"]) await fails("42725", `pgmq.${settle}('q', ${id})`);
    });

    it(`${settle} takes its arguments by name`, async () => {
      await send(2);
      assert.deepEqual(await run(`pgmq.${settle}(msg_id => 1, queue_name => 'q')`), [true]);
      assert.deepEqual(await run(`pgmq.${settle}(msg_ids => '{2}', queue_name => 'q')`), ["2"]);
    });

    it(`${settle} by many at once succeeds for one`, async () => {
      await send(1);
      const one = Array.from({ length: 6 }, () => run(`pgmq.${settle}('q', 1)`));
      assert.equal((await Promise.all(one)).flat().filter((found) => found).length, 1);
      await send(3);
      const several = Array.from({ length: 6 }, () => run(`pgmq.${settle}('q', array[2, 3, 4])`));
      assert.deepEqual((await Promise.all(several)).flat().toSorted(), ["2", "3", "4"]);
    });

    it(`${settle} is undone with its transaction`, async () => {
      await send(1);
      await assert.rejects(
        during(`select pgmq.${settle}('q', 1)`, () => Promise.reject(new Error("no"))),
        { message: "no" },
      );
      assert.deepEqual([await there(), await archived()], [[1], []]);
    });
  }

  it("the archives of two queues are apart", async () => {
    await run("pgmq.create('r')");
    await run("pgmq.send('q', '1'), pgmq.send('r', '1')");
    await run("pgmq.archive('q', 1)");
    assert.deepEqual(ids(await rows("pgmq.q_r")), [1]);
    assert.deepEqual(await rows("pgmq.a_r"), []);
  });

  it("an id that the archive has already is refused", async () => {
    await send(1);
    await exec("insert into pgmq.a_q (msg_id, vt) values (1, now())");
    await fails("23505", "pgmq.archive('q', 1)");
    assert.deepEqual(await there(), [1]);
  });
});
