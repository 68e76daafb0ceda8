import assert from "node:assert/strict";
import { faults } from "../_support/faults.ts";

// Two letters in bytes, one in characters.
const letters = (count: number) => "ü".repeat(count);

faults("Names", {
  "a name too long for a table's in bytes is refused": async ({ run }) => {
    await run(`pgmq.create('${letters(23)}')`);
    await assert.rejects(run(`pgmq.create('${letters(24)}')`), { code: "P0001" });
  },

  "queues of different names never share messages": async ({ run }) => {
    // Alike in more bytes than a table's name can have.
    const [one, other] = [`${letters(40)}1`, `${letters(40)}2`];
    const created = await run(`pgmq.create('${one}'), pgmq.create('${other}')`).catch(() => []);
    if (created.length === 0) return;
    await run(`pgmq.send('${one}', '1')`);
    assert.deepEqual(await run(`pgmq.read('${other}', 0, 1)`), []);
  },

  "what could be created can be dropped": async ({ run }) => {
    const names = [23, 24, 47].map(letters);
    for (const name of names) await run(`pgmq.create('${name}')`).catch(() => {});
    for (const name of await run("queue_name from pgmq.meta")) {
      assert.deepEqual(await run(`pgmq.drop_queue('${name}')`), [true]);
    }
    assert.deepEqual(await run("relname from pg_class where relname like 'q\\_ü%'"), []);
  },

  "dropping a queue forgets it under every spelling": async ({ run }) => {
    await run("pgmq.create('Twice'), pgmq.create('twice')");
    await run("pgmq.drop_queue('TWICE')");
    assert.deepEqual(await run("queue_name from pgmq.list_queues()"), ["q"]);
  },

  "metrics_all works after a queue of two spellings was dropped": async ({ run }) => {
    await run("pgmq.create('Twice'), pgmq.create('twice')");
    await run("pgmq.drop_queue('twice')");
    const listed = await run("queue_name from pgmq.metrics_all()").catch((error) => error);
    assert.deepEqual(listed, ["q"]);
  },
});
