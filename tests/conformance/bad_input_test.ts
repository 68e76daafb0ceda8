import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";

conformance("Bad input", "1.5", ({ since, run, rows, fails, send }) => {
  it("what isn't JSON is refused", async () => {
    for (
      const call of [
        "send('q', 'x')",
        "send('q', '')",
        `send('q', '{"a"')`,
        "send('q', '1', 'x'::jsonb)",
        "send('q', '1', 'x', 0)",
        "send('q', '1', 'x', now())",
        "send_batch('q', '{x}')",
        "send_batch('q', '{1,x}', 0)",
        "send_batch('q', '{1}', '{x}', 0)",
        "read('q', 0, 1, 'x')",
        "read_with_poll('q', 0, 1, 1, 10, 'x')",
      ]
    ) await fails("22P02", `pgmq.${call}`);
    assert.deepEqual(await rows("pgmq.q_q"), []);
  });

  it("an array that isn't one is refused", async () => {
    await fails("22P02", "pgmq.send_batch('q', '[1, 2]')");
    await fails("22P02", "pgmq.archive('q', '{a}'::bigint[])");
  });

  it("text that isn't a number or a time is refused", async () => {
    await fails("22P02", "pgmq.read('q', 'x', 1)");
    await fails("22P02", "pgmq.read('q', 1, 'x')");
    await fails("22P02", "pgmq.archive('q', 'x'::bigint)");
    await fails("22007", "pgmq.send('q', '1', 'x'::timestamptz)");
    await fails(
      "22003",
      "pgmq.read('q', 1, '2147483648')",
    );
  });

  it("ids that there are not do no harm", async () => {
    await send(1);
    for (const id of ["0", "-1", "9223372036854775807"]) {
      assert.deepEqual(await run(`pgmq.archive('q', ${id})`), [false]);
      assert.deepEqual(await run(`pgmq.delete('q', ${id})`), [false]);
      assert.deepEqual(await rows(`pgmq.set_vt('q', ${id}, 60)`), []);
      assert.deepEqual(await run(`pgmq.archive('q', array[${id}]::bigint[])`), []);
      assert.deepEqual(await run(`pgmq.delete('q', array[${id}]::bigint[])`), []);
    }
    assert.deepEqual(await run("read_ct from pgmq.q_q where vt <= clock_timestamp()"), [0]);
  });

  it("the largest numbers are fine", async () => {
    await run("pgmq.send('q', '1', 2147483647), pgmq.send('q', '2')");
    const [row] = await rows("pgmq.read('q', 2147483647, 2147483647)");
    assert.equal(row?.msg_id, "2");
    await run("pgmq.set_vt('q', 2, 2147483647)");
    await run("pgmq.set_vt('q', 1, -2147483648)");
    assert.deepEqual(await run("msg_id from pgmq.read('q', -2147483648, 1)"), ["1"]);
  });

  it("what never is comes at no time", async () => {
    await run("pgmq.send('q', '1', 'infinity'::timestamptz)");
    await run("pgmq.send('q', '2', '-infinity'::timestamptz)");
    assert.deepEqual(await run("msg_id from pgmq.read('q', 0, 9)"), ["2"]);
  });

  it("a negative quantity takes nothing", async () => {
    await send(2);
    await fails("2201W", "pgmq.read('q', 0, -1)");
    await fails("2201W", "pgmq.read_with_poll('q', 0, -1, 1, 10)");
    assert.deepEqual(await run("max(read_ct) from pgmq.q_q"), [0]);
  });

  since("1.9", () => {
    it("a negative quantity takes nothing of groups", async () => {
      await send(2);
      for (const form of ["", "_rr"]) {
        const taken = await rows(`pgmq.read_grouped${form}('q', 0, -1)`).catch(({ code }) => code);
        assert.ok(taken === "2201W" || taken.length === 0, form);
      }
      assert.deepEqual(await run("max(read_ct) from pgmq.q_q"), [0]);
    });
  });

  since("1.11", () => {
    it("what isn't JSON is refused by topics too", async () => {
      await run("pgmq.bind_topic('a', 'q')");
      for (
        const call of [
          "send_topic('a', 'x')",
          "send_topic('a', '1', 'x', 0)",
          "send_batch_topic('a', '{x}')",
          "send_batch_topic('a', '{1}', '{x}', 0)",
        ]
      ) await fails("22P02", `pgmq.${call}`);
      assert.deepEqual(await rows("pgmq.q_q"), []);
    });
  });
});
