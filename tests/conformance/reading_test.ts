import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, ids } from "../_support/conformance.ts";

conformance("Reading", "1.5", ({ kind, since, during, exec, run, rows, fails, send, ...pgmq }) => {
  const { hidden, now } = pgmq;
  const read = async (...rest: unknown[]) =>
    await rows(`pgmq.read('q', ${rest.map(String).join()})`);

  it("read hides what it returns and counts", async () => {
    await run("pgmq.send('q', '{\"a\": 1}', '{\"h\": 1}'::jsonb)");
    const start = await now();
    const [row, ...more] = await read(60, 1);
    assert.deepEqual(more, []);
    const { msg_id, read_ct, enqueued_at, vt, message, headers } = row!;
    assert.deepEqual([msg_id, read_ct, message, headers], ["1", 1, { a: 1 }, { h: 1 }]);
    assert.ok(enqueued_at <= start && vt.getTime() >= start.getTime() + 60_000);
    assert.equal(await hidden(1), 60);
    assert.deepEqual(await read(60, 1), []);
  });

  it("the message is in the table as it was returned, with the columns in order", async () => {
    await send(1);
    const [row] = await read(60, 1);
    assert.deepEqual(await rows("pgmq.q_q"), [row]);
    const lastRead = kind === "older" ? [] : ["last_read_at"];
    const columns = ["msg_id", "read_ct", "enqueued_at", ...lastRead, "vt", "message", "headers"];
    assert.deepEqual(Object.keys(row!), columns);
  });

  since("1.10", () => {
    it("reading notes the time, sending doesn't", async () => {
      await send(2);
      const start = await now();
      const [row] = await read(60, 1);
      assert.ok(row!.last_read_at! >= start && row!.last_read_at! <= await now());
      assert.equal((await rows("pgmq.q_q where msg_id = 2"))[0]?.last_read_at, null);
    });
  });

  it("up to qty messages with the lowest ids, wherever they lie on disk", async () => {
    await send(5);
    await exec("update pgmq.q_q set read_ct = 0 where msg_id < 3"); // moves them to the end
    assert.deepEqual(ids(await read(0, 2)), [1, 2]);
    assert.deepEqual(ids(await read(60, 3)), [1, 2, 3]);
    assert.deepEqual(ids(await read(60, 9)), [4, 5]);
    assert.deepEqual(await read(60, 9), []);
  });

  it("what is hidden or delayed is passed over", async () => {
    await send(3);
    await run("pgmq.set_vt('q', 1, 60)");
    await run("pgmq.send('q', '4', 60), pgmq.send('q', '5')");
    assert.deepEqual(ids(await read(0, 9)), [2, 3, 5]);
  });

  it("each reading counts; a vt of zero or less leaves the message visible", async () => {
    await send(1);
    for (const [at, vt] of [0, -5, 0].entries()) {
      assert.deepEqual((await read(vt, 1)).map(({ read_ct }) => read_ct), [at + 1]);
    }
    assert.equal(await hidden(1), 0);
    await read(-300, 1);
    assert.equal(await hidden(1), -300);
    await fails("23502", "pgmq.read('q', null, 1)");
  });

  it("qty null means all, zero none, negative is refused", async () => {
    await send(3);
    assert.deepEqual(ids(await read(0, null)), [1, 2, 3]);
    assert.deepEqual(await read(0, 0), []);
    await fails("2201W", "pgmq.read('q', 0, -1)");
    assert.deepEqual(await run("max(read_ct) from pgmq.q_q"), [1]);
  });

  it("conditional wants messages that contain it; {} and null don't filter", async () => {
    const messages = `array['{"a": 1}', '{"a": 2, "b": {"c": [1, 2]}}', null, '5', '[1, 2]']`;
    await run(`pgmq.send_batch('q', ${messages}::jsonb[])`);
    const found = async (filter: string) => ids(await read(0, 9, filter));
    assert.deepEqual(await found(`'{"a": 1}'`), [1]);
    assert.deepEqual(await found(`'{"b": {"c": [2]}}'`), [2]);
    assert.deepEqual(await found(`'{"b": {}}'`), [2]);
    assert.deepEqual(await found(`'{"z": 1}'`), []);
    assert.deepEqual(await found("'5'"), [4]);
    assert.deepEqual(await found("'[2]'"), [5]);
    assert.deepEqual(await found("'[]'"), [5]);
    assert.deepEqual(await found("'{}'"), [1, 2, 3, 4, 5]);
    assert.deepEqual(await found("null"), [1, 2, 3, 4, 5]);
    assert.deepEqual(ids(await read(0, 1, `'{"b": {}}'`)), [2]);
  });

  it("a filter leaves the other messages alone", async () => {
    await run(`pgmq.send_batch('q', array['{"a": 1}', '{"a": 2}']::jsonb[])`);
    await read(60, 9, `'{"a": 2}'`);
    assert.deepEqual(ids(await read(60, 9)), [1]);
    assert.deepEqual(await run("max(read_ct) from pgmq.q_q"), [1]);
  });

  it("arguments may be named", async () => {
    await send(1);
    await run("pgmq.read(queue_name => 'q', vt => 0, qty => 1, conditional => '{}')");
    await run("pgmq.read(qty => 1, vt => 0, queue_name => 'q')");
    assert.deepEqual(await run("read_ct from pgmq.q_q"), [2]);
  });

  it("what others have locked is skipped, not waited for", async () => {
    await send(3);
    await during("select from pgmq.q_q where msg_id = 1 for update", async () => {
      assert.deepEqual(ids(await read(0, 1)), [2]);
      assert.deepEqual(ids(await read(0, 9)), [2, 3]);
    });
    assert.deepEqual(ids(await read(0, 1)), [1]);
  });

  it("what a transaction has read nobody else reads; if it fails, it was never read", async () => {
    await send(2);
    const failing = during("select pgmq.read('q', 60, 1)", async () => {
      assert.deepEqual(ids(await read(0, 9)), [2]);
      throw new Error("no");
    });
    await assert.rejects(failing, { message: "no" });
    const [row] = await read(0, 1);
    assert.deepEqual([row?.msg_id, row?.read_ct], ["1", 1]);
  });

  it("concurrent readers never share a message, and together find all", async () => {
    await send(200);
    const seen: number[] = [];
    const reader = async () => {
      for (let found = [0]; found.length > 0;) {
        found = ids(await read(3600, 7));
        seen.push(...found);
      }
    };
    await Promise.all(Array.from({ length: 8 }, reader));
    // A reader may end while the last rows are locked by others.
    seen.push(...ids(await read(3600, null)));
    assert.deepEqual(
      seen.toSorted((a, b) => a - b),
      Array.from({ length: 200 }, (_, at) => at + 1),
    );
  });
});
