import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { describe, it } from "node:test";
import { createQueue, install, setup } from "../../mod.ts";
import { installSql } from "../../src/db/install.ts";
import { createTestDatabase } from "../_support/database.ts";

const folder = new URL("upgrades/", import.meta.url);
const versions = await readdir(folder);

/** Everything that callers can see of the schema: functions, tables, columns, indexes, rights. */
const outline = `
  select 'function ' || oid::regprocedure || ' -> ' || pg_get_function_result(oid) as part
  from pg_proc where pronamespace = 'pgmq'::regnamespace
  union all
  select 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
    || ' ' || coalesce(attacl::text, '')
  from pg_attribute a join pg_class c on c.oid = attrelid
  where relnamespace = 'pgmq'::regnamespace and attnum > 0 and relkind in ('r', 'c')
  union all
  select 'index ' || indexdef from pg_indexes where schemaname = 'pgmq'
  union all
  select 'rights on ' || relname || ': ' || relacl::text
  from pg_class where relnamespace = 'pgmq'::regnamespace and relacl is not null
  order by part`;

describe("an older sql/pgmq.sql", () => {
  for (const version of versions) {
    it(`of ${version} is brought up to date with its queues and rows`, async () => {
      await using database = await createTestDatabase({ pgmq: "none" });
      const { sql } = database;
      await sql.unsafe(await readFile(new URL(version, folder), "utf8"));
      await sql.unsafe(`
        select pgmq.create('q'), pgmq.create_unlogged('u');
        select pgmq.send_batch('q', array['1', '2', '3', '4']::jsonb[]);
        select pgmq.read('q', 60, 1); select pgmq.archive('q', 2)`);
      const before = await sql`select * from pgmq.q_q order by 1`;

      assert.deepEqual(await install(sql), { pgmq: "sql", version: "1.11.1" });
      assert.deepEqual(await sql`select * from pgmq.q_q order by 1`, before);
      assert.equal((await sql`select * from pgmq.a_q`).length, 1);
      assert.equal((await sql`select * from pgmq.list_queues() where is_unlogged`).length, 1);

      await using fresh = await createTestDatabase({ pgmq: "none" });
      await install(fresh.sql);
      await fresh.sql`select pgmq.create('q'), pgmq.create_unlogged('u')`;
      assert.deepEqual(await sql.unsafe(outline), await fresh.sql.unsafe(outline));
      assert.deepEqual((await sql`select pgmq.send('q', '5') as id`)[0], { id: "5" });
    });
  }
});

describe("sql/pgmq.sql", () => {
  it("runs twice in one transaction by a role that is no superuser", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    const { sql } = database;
    const role = `owner_${database.url.slice(-32)}`;
    await sql.unsafe(`create role ${role}`);
    try {
      await sql`grant create on database ${sql(new URL(database.url).pathname.slice(1))} to ${
        sql(role)
      }`;
      await sql.begin(async (tx) => {
        await tx`set local role ${sql(role)}`;
        await tx.unsafe(await installSql());
        await tx`select pgmq.create('q'), pgmq.enable_notify_insert('q'), pgmq.bind_topic('#', 'q')`;
        await tx.unsafe(await installSql());
        assert.equal((await tx`select pgmq.send_topic('a', '1') as sent`)[0]?.sent, 1);
      });
      assert.equal((await sql`select * from pgmq.read_grouped('q', 0, 5)`).length, 1);
    } finally {
      await sql.unsafe(`drop owned by ${role} cascade; drop role ${role}`);
    }
  });

  it("that was cut short is completed by the next run", async () => {
    await using database = await createTestDatabase({ pgmq: "none" });
    const { sql } = database;
    const whole = await installSql();
    await sql.unsafe(whole.slice(0, whole.indexOf("-- Reading ---")));
    assert.deepEqual(await install(sql), { pgmq: "sql", version: "1.11.1" });
    setup({ sql });
    await createQueue("q").create();
  });

  it("names the version that it is of", async () => {
    assert.match(await installSql(), /comment on schema pgmq is 'pgtq pgmq \d+\.\d+\.\d+\+\d+'/);
    for (const version of versions) {
      assert.match(version, /^pgmq-[\d.]+\+\d+\.sql$/);
      assert.ok(!(await installSql()).includes(`'pgtq pgmq ${version.slice(5, -4)}'`), version);
    }
  });
});
