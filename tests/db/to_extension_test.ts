import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it, type TestContext } from "node:test";
import postgres from "postgres";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import type { Sql } from "../../src/db/connection.ts";
import { checkPgmq } from "../../src/db/pgmq.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";
import { extensionFolder, serverTakesExtensions } from "../_support/extension.ts";

const handOver = await readFile(new URL("../../sql/to_extension.sql", import.meta.url), "utf8");

describe("sql/to_extension.sql", () => {
  /** A database with our pgmq, on a server that offers the genuine extension, where one can. */
  async function stage(t: TestContext, use: (sql: Sql, database: TestDatabase) => Promise<void>) {
    await using database = await createTestDatabase({ pgmq: "ours" });
    if (!await serverTakesExtensions(database.sql)) return t.skip("needs Postgres 18");
    await using folder = await extensionFolder();
    const connection = { extension_control_path: folder.path };
    const sql = postgres(database.url, { max: 1, connection, onnotice: () => {} });
    try {
      await use(sql, database);
    } finally {
      await sql.end();
    }
  }

  it("hands everything over, and nothing of ours is left", async (t) => {
    await stage(t, async (sql, database) => {
      setup({ sql: database.sql });
      const queue = createQueue<number>("Numbers", { group: (n) => String(n % 2) });
      await queue.create();
      await queue.enqueueMany([1, 2, 3, 4]);
      await sql`select pgmq.create_unlogged('u'), pgmq.send('u', '1'), pgmq.create_fifo_index('u')`;
      await sql`select pgmq.archive('Numbers', 1), pgmq.delete('Numbers', 4)`;
      await sql`select pgmq.bind_topic('a.#', 'u'), pgmq.enable_notify_insert('u', 7)`;
      const before = await sql`select * from pgmq.list_queues()`;

      await sql.begin((tx) => tx.unsafe(handOver));

      const [extension] = await sql`select extversion from pg_extension where extname = 'pgmq'`;
      assert.equal(extension?.extversion, "1.11.1");
      assert.equal(await checkPgmq(sql), "1.11.1");
      assert.deepEqual(await sql`select * from pgmq.list_queues() order by 1`, before);
      assert.equal((await sql`select from pg_namespace where nspname ~ 'before'`).length, 0);
      assert.deepEqual((await sql`select msg_id from pgmq.a_numbers`).map((row) => row.msg_id), [
        "1",
      ]);

      assert.equal((await sql`select pgmq.send_topic('a.b', '2') as sent`)[0]?.sent, 1);
      assert.equal((await sql`select * from pgmq.read_grouped('u', 0, 5)`).length, 2);
      const [setting] = await sql`select * from pgmq.list_notify_insert_throttles()`;
      assert.deepEqual([setting?.queue_name, setting?.throttle_interval_ms], ["u", 7]);
      const seen: number[] = [];
      const onNumber = processor(queue, { grouped: true }, (n) => void seen.push(n));
      await queue.create();
      assert.equal(await queue.enqueue(5, { key: "five" }), 5, "ids go on");
      await new Worker({ processors: [onNumber] }).drain();
      assert.deepEqual(seen.toSorted(), [2, 3, 5]);
    });
  });

  it("notifications go on", async (t) => {
    await stage(t, async (sql) => {
      await sql`select pgmq.create('q'), pgmq.enable_notify_insert('q', 0)`;
      await sql.begin((tx) => tx.unsafe(handOver));
      const heard = Promise.withResolvers<void>();
      await sql.listen("pgmq.q_q.INSERT", () => heard.resolve());
      await sql`select pgmq.send('q', '1')`;
      await heard.promise;
    });
  });

  it("changes nothing where it can't be done", async (t) => {
    await stage(t, async (sql, database) => {
      const refused = (expected: RegExp, of: Sql = sql) =>
        assert.rejects(of.begin((tx) => tx.unsafe(handOver)), { message: expected });
      await sql`select pgmq.create('q'), pgmq.send('q', '1')`;
      await refused(/extension "pgmq" is not available/, database.sql);
      await sql`create table pgmq.mine ()`;
      await refused(/also holds mine$/);
      await sql`drop table pgmq.mine`;
      assert.equal((await sql`select * from pgmq.read('q', 0, 1)`).length, 1);
      await sql.begin((tx) => tx.unsafe(handOver));
      await refused(/is not that of the current sql\/pgmq.sql/);
    });
  });
});
