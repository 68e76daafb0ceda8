import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import type { Sql } from "../../src/db/connection.ts";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { startEmbedded } from "../../src/embedded.ts";
import { genuinePgmqSql } from "../_support/genuine_pgmq.ts";
import { faults } from "../_support/faults.ts";

/** Whether doing something notifies of `q`'s inserts, or those of another queue. */
async function notifies(sql: Sql, act: () => Promise<unknown>, queue = "q"): Promise<boolean> {
  let heard = false;
  const { promise: all, resolve } = Promise.withResolvers<void>();
  const channel = await sql.listen(`pgmq.q_${queue}.INSERT`, () => {
    heard = true;
  });
  const end = await sql.listen("end", () => resolve());
  await act();
  // Notifications arrive in the order of their transactions.
  await sql.notify("end", "");
  await all;
  await Promise.all([channel.unlisten(), end.unlisten()]);
  return heard;
}

faults("Notifications", {
  "an open transaction doesn't block other senders": async ({ exec, open, run, waits }) => {
    await exec("select pgmq.enable_notify_insert('q', 3600000)");
    await using sender = await open();
    await sender.run("pgmq.send('q', '1')");
    assert.equal(await waits(run("pgmq.send('q', '2')"), sender), false);
  },

  "an insert notifies though another transaction has, and is still open": async (subject) => {
    const { exec, open, run, sql } = subject;
    await exec("select pgmq.enable_notify_insert('q', 3600000)");
    await using sender = await open();
    await sender.run("pgmq.send('q', '1')");
    let waited: boolean | undefined;
    const send = async () => waited = await subject.waits(run("pgmq.send('q', '2')"), sender);
    assert.ok(await notifies(sql, send) && !waited);
  },

  "a sender in repeatable read doesn't fail": async ({ exec, open, run }) => {
    await exec("select pgmq.enable_notify_insert('q', 3600000)");
    await using sender = await open("begin isolation level repeatable read");
    await sender.run("from pgmq.q_q");
    await run("pgmq.send('q', '1')");
    await assert.doesNotReject(sender.run("pgmq.send('q', '2')"));
  },

  "a sender needs no rights on the settings": async ({ exec, open }) => {
    await exec(`select pgmq.enable_notify_insert('q');
      grant usage on schema pgmq to pg_signal_backend;
      grant select, insert on pgmq.q_q to pg_signal_backend`);
    await using sender = await open();
    await sender.exec("set local role pg_signal_backend");
    await assert.doesNotReject(sender.run("pgmq.send('q', '1')"));
  },

  "a queue with capitals notifies by its name as given": async ({ exec, run, sql }) => {
    await exec("select pgmq.create('Capital'), pgmq.enable_notify_insert('Capital', 0)");
    assert.ok(await notifies(sql, () => run("pgmq.send('Capital', '1')"), "Capital"));
  },

  "they come after a crash of the server": async ({ kind }) => {
    const dataDir = mkdtempSync(join(tmpdir(), "pgtq-crash-"));
    chmodSync(dataDir, 0o755);
    try {
      await using first = await startEmbedded({ dataDir });
      await use(first.url, async (sql) => {
        await sql.unsafe(kind === "ours" ? pgmqSql : await genuinePgmqSql());
        await sql.unsafe("select pgmq.create('q'), pgmq.enable_notify_insert('q', 0)");
        assert.ok(await notifies(sql, () => sql`select pgmq.send('q', '1')`));
      });
      const [pid] = readFileSync(join(dataDir, "data", "postmaster.pid"), "utf8").split("\n");
      process.kill(Number(pid), "SIGKILL");

      await using second = await startEmbedded({ dataDir });
      await use(second.url, async (sql) => {
        assert.ok(await notifies(sql, () => sql`select pgmq.send('q', '2')`));
      });
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  },
});

async function use(url: string, run: (sql: Sql) => Promise<void>): Promise<void> {
  const sql = postgres(url, { onnotice: () => {} });
  try {
    await run(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
