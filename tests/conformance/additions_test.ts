import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";
import { sendTo } from "./groups.ts";

conformance("Directions", "ours", (pgmq) => {
  const { exec, run, rows, fails, send } = pgmq;
  const order = async (call: string) =>
    (await rows(`pgmq.${call}`)).map(({ msg_id }) => Number(msg_id));
  /** Moves every other message to the end of the disk. */
  const scatter = () => exec("update pgmq.q_q set read_ct = 0 where msg_id % 2 = 1");

  it("read_with_poll reads the highest ids first, in order, in any case of the word", async () => {
    await send(5);
    await scatter();
    for (const word of ["DESC", "desc", "Desc"]) {
      const call = `read_with_poll('q', 0, 3, 1, 10, '{}', '${word}')`;
      assert.deepEqual(await order(call), [5, 4, 3], word);
    }
    await run("pgmq.set_vt('q', 4, 60)");
    assert.deepEqual(
      await order("read_with_poll(queue_name => 'q', vt => 0, qty => 2, direction => 'DESC')"),
      [5, 3],
    );
    const filtered = `read_with_poll('q', 0, 9, 1, 10, '2', 'DESC')`;
    assert.deepEqual(await order(filtered), [2]);
  });

  it("ASC is what it does by itself", async () => {
    await send(5);
    await scatter();
    for (const word of ["ASC", "asc"]) {
      assert.deepEqual(
        await order(`read_with_poll('q', 0, 3, 1, 10, '{}', direction => '${word}')`),
        [1, 2, 3],
      );
    }
    assert.deepEqual((await order("read_with_poll('q', 0, 3)")).toSorted(), [1, 2, 3]);
  });

  it("read_grouped_rr has the newest as heads, newest group first", async () => {
    await sendTo(pgmq, "a", "b", "b", "c", "a", "b");
    await scatter();
    const newestFirst = [6, 5, 4, 3, 1, 2];
    for (let qty = 1; qty <= 6; qty++) {
      assert.deepEqual(
        await order(`read_grouped_rr('q', 0, ${qty}, 'desc')`),
        newestFirst.slice(0, qty),
      );
    }
    assert.deepEqual(await order("read_grouped_rr('q', 0, 9, 'ASC')"), [1, 2, 4, 5, 3, 6]);
    assert.deepEqual(
      await order("read_grouped_rr_with_poll('q', 0, 9, 1, 10, direction => 'DESC')"),
      newestFirst,
    );
  });

  it("a group waits while its newest message is hidden, others don't", async () => {
    await sendTo(pgmq, "a", "b", "b", "a");
    assert.deepEqual(await order("read_grouped_rr('q', 60, 1, 'DESC')"), [4]);
    assert.deepEqual(await order("read_grouped_rr('q', 60, 9, 'DESC')"), [3, 2]);
    await run("pgmq.delete('q', 4)");
    assert.deepEqual(await order("read_grouped_rr('q', 60, 9, 'DESC')"), [1]);
  });

  it("any other direction is refused", async () => {
    await send(1);
    for (const word of ["''", "'DOWN'", "'DESC '", "'ASC; drop table x'", "null"]) {
      await fails("P0001", `pgmq.read_with_poll('q', 0, 1, 1, 10, '{}', ${word})`);
      await fails("P0001", `pgmq.read_grouped_rr('q', 0, 1, ${word})`);
      await fails("P0001", `pgmq.read_grouped_rr_with_poll('q', 0, 1, 1, 10, ${word})`);
    }
    assert.deepEqual(await run("read_ct from pgmq.q_q"), [0]);
  });
});

conformance("create_partitioned with premake", "ours", ({ fails }) => {
  it("wants pg_partman as ever", async () => {
    await fails("P0001", "pgmq.create_partitioned('p', '10', '100', premake => 2)", /pg_partman/);
  });
});
