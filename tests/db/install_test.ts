import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import postgres from "postgres";
import { PgtqError } from "../../src/core/errors.ts";
import type { Sql } from "../../src/db/connection.ts";
import { install, installSql } from "../../src/db/install.ts";
import { checkPgmq, isOlder } from "../../src/db/pgmq.ts";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { createTestDatabase } from "../_support/database.ts";
import { extensionFolder, serverTakesExtensions } from "../_support/extension.ts";

/** Checks both ways of asking, as they have to say the same. */
async function rejects(sql: Sql, code: string, message: RegExp) {
  const expected = (error: unknown) => {
    assert.ok(error instanceof PgtqError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  };
  await assert.rejects(install(sql), expected);
  await assert.rejects(checkPgmq(sql), expected);
}

/** What pgmq had added by the version that is named, as seen from an older one. */
const additions = {
  "1.10.0": `
    drop function pgmq.read_grouped_head(text, integer, integer), pgmq.bind_topic(text, text);`,
  "1.9.0": `alter type pgmq.message_record drop attribute last_read_at`,
  "1.8.0": `drop function pgmq.read_grouped(text, integer, integer)`,
  "1.7.0": `drop function pgmq.set_vt(text, bigint[], integer)`,
  "1.5.0": `drop function pgmq.pop(text, integer)`,
};

it("the module holds the current sql/pgmq.sql", async () => {
  const file = await readFile(new URL("../../sql/pgmq.sql", import.meta.url), "utf8");
  assert.equal(pgmqSql.trim(), file.trim(), "run deno run -A scripts/generate.ts");
});

describe("install", () => {
  it("gives a database without pgmq our own; again finds it there", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    const { sql } = database;
    await assert.rejects(checkPgmq(sql), { code: "MISSING_PGMQ", message: /run `pgtq install`$/ });
    assert.deepEqual(await install(sql), { pgmq: "sql", version: "1.11.1" });
    assert.deepEqual(await install(sql), { pgmq: "present", version: "1.11.1" });
    assert.equal(await checkPgmq(sql), "1.11.1");
    await sql`select pgmq.create('q')`;
  });

  it("twenty at once leave one pgmq", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    const pools = Array.from({ length: 20 }, () => postgres(database.url, { max: 1 }));
    const done = await Promise.all(pools.map((sql) => install(sql)));
    await Promise.all(pools.map((sql) => sql.end()));
    const how = done.map(({ pgmq }) => pgmq).toSorted();
    assert.deepEqual(how, [...Array.from({ length: 19 }, () => "present"), "sql"]);
  });

  it("takes a genuine pgmq as it is", async () => {
    await using database = await createTestDatabase({ pgmq: "genuine" });
    assert.deepEqual(await install(database.sql), { pgmq: "present", version: "1.11.1" });
  });

  it("brings an older one of ours up to date, and leaves a newer one alone", async () => {
    await using database = await createTestDatabase({ pgmq: "ours" });
    const { sql } = database;
    for (const mark of ["1.11.1+0", "0"]) {
      await sql.unsafe(`comment on schema pgmq is 'pgtq pgmq ${mark}'; drop function pgmq.pop`);
      assert.deepEqual(await install(sql), { pgmq: "sql", version: "1.11.1" });
      await sql`select 'pgmq.pop(text, integer)'::regprocedure`;
    }
    await sql`comment on schema pgmq is 'pgtq pgmq 1.20.0+1'`;
    assert.deepEqual(await install(sql), { pgmq: "present", version: "1.20.0" });
  });

  it("fills an empty schema that an administrator has made for the role", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    await using worker = await workerOf(database);
    await database.sql.unsafe(`create schema pgmq authorization ${worker.role}`);
    assert.deepEqual(await install(worker.sql), { pgmq: "sql", version: "1.11.1" });
    await worker.sql`select pgmq.create('q')`;
  });

  it("says which right is missing, and changes nothing", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    await using worker = await workerOf(database);
    const { message } = await install(worker.sql).catch((error) => error);
    assert.match(
      message,
      /^Cannot install pgmq in postgres:.*permission denied for database .*`--print`/,
    );
    await rejects(worker.sql, "MISSING_PGMQ", /pgtq install/);
  });

  it("works for a role that may only use what is there", async () => {
    await using database = await createTestDatabase({ pgmq: "ours" });
    await using worker = await workerOf(database);
    assert.deepEqual(await install(worker.sql), { pgmq: "present", version: "1.11.1" });
  });

  it("works where transactions are repeatable read and read only by default", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    const connection = {
      default_transaction_isolation: "repeatable read",
      default_transaction_read_only: true,
    } as const;
    const pools = [1, 2, 3].map(() => postgres(database.url, { max: 1, connection }));
    await Promise.all(pools.map((sql) => install(sql)));
    await Promise.all(pools.map((sql) => sql.end()));
  });

  it("prints the SQL that it would run", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    await database.sql.unsafe(await installSql());
    assert.equal(await checkPgmq(database.sql), "1.11.1");
  });
});

describe("a pgmq that is there", () => {
  it("is recognised by what it has, down to the oldest that will do", async () => {
    await using database = await createTestDatabase({ pgmq: "genuine" });
    const { sql } = database;
    for (const [version, difference] of Object.entries(additions)) {
      await sql.unsafe(difference);
      assert.deepEqual(await install(sql), { pgmq: "present", version });
    }
    await sql.unsafe(`
      alter type pgmq.message_record drop attribute headers; drop function pgmq.drop_queue(text)`);
    await rejects(
      sql,
      "OLD_PGMQ",
      /^Cannot use pgmq 1.4 as version 1.5 or newer is needed: run the/,
    );
  });

  it("is recognised as 1.5 where it has none of what came later", async () => {
    await using database = await createTestDatabase({ pgmq: "older" });
    const { sql } = database;
    assert.deepEqual(await install(sql), { pgmq: "present", version: "1.5.0" });
    await sql`select pgmq.create('q'), pgmq.send('q', '[1]')`;
    const columns = ["msg_id", "read_ct", "enqueued_at", "vt", "message", "headers"];
    for (const call of ["read('q', 0, 1)", "set_vt('q', 1, 0)", "pop('q')"]) {
      const rows = await sql.unsafe(`select * from pgmq.${call}`);
      assert.deepEqual(rows.map((row) => Object.keys(row)), [columns], call);
    }
  });

  it("is broken without what we need, which is named", async () => {
    await using database = await createTestDatabase();
    await database.sql`drop function pgmq.create(text), pgmq.purge_queue(text)`;
    await rejects(database.sql, "BROKEN_PGMQ", / lacks create\(text\), purge_queue\(text\)$/);
  });

  it("is broken if something else has taken the name", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    await database.sql`create schema pgmq`;
    await database.sql`create table pgmq.mine ()`;
    await rejects(database.sql, "BROKEN_PGMQ", / lacks meta.queue_name, create/);
  });

  it("versions are compared as numbers", () => {
    assert.ok(isOlder("1.4.4", "1.5"));
    assert.ok(isOlder("1.9.0", "1.10.0"));
    assert.ok(isOlder("1.11.1+1", "1.11.1+2"));
    assert.ok(!isOlder("1.11.1+10", "1.11.1+9"));
    assert.ok(!isOlder("1.5.0", "1.5"));
    assert.ok(!isOlder("2.0", "1.5"));
  });
});

describe("the server's extension", () => {
  it("is created where there is one, and used where it is new enough", async (t) => {
    await using database = await createTestDatabase({ pgmq: "none" });
    if (!await serverTakesExtensions(database.sql)) return t.skip("needs Postgres 18");
    await using folder = await extensionFolder();
    const connection = { extension_control_path: folder.path };
    const sql = postgres(database.url, { connection });
    try {
      assert.deepEqual(await install(sql), { pgmq: "extension", version: "1.11.1" });
      assert.deepEqual(await install(sql), { pgmq: "present", version: "1.11.1" });

      await sql`drop extension pgmq cascade`;
      await sql`drop schema if exists pgmq`;
      await using worker = await workerOf(database, connection);
      await assert.rejects(install(worker.sql), {
        code: "MISSING_PGMQ",
        message: /permission denied/,
      });

      await sql`create extension pgmq version '1.4.4'`;
      await rejects(sql, "OLD_PGMQ", /pgmq 1.4.4 as .* run ALTER EXTENSION pgmq UPDATE$/);
    } finally {
      await sql.end();
    }
  });
});

/** A pool of a new role that has no rights but to use what is in the schema pgmq. */
async function workerOf(
  { url, sql: owner }: { url: string; sql: Sql },
  settings: Record<string, string> = {},
) {
  const role = `pgtq_test_worker_${crypto.randomUUID().slice(0, 8)}`;
  await owner.unsafe(`create role ${role}`);
  await owner.unsafe(`grant usage on schema pgmq to ${role}`).catch(() => {});
  const sql = postgres(url, { max: 1, connection: { role, ...settings } });
  return {
    role,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end();
      await owner.unsafe(`drop owned by ${role} cascade; drop role ${role}`);
    },
  };
}
