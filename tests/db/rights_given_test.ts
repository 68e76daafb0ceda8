import assert from "node:assert/strict";
import { describe, it } from "node:test";
import postgres from "postgres";
import { createTables, creationLock } from "../../src/db/create.ts";
import type { Sql } from "../../src/db/connection.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { install, installSql } from "../../src/db/install.ts";
import { rightsSql } from "../../src/db/rights.ts";
import { tablesOf } from "../../src/db/tables.ts";
import { blocked } from "../_support/blocked.ts";
import { createTestDatabase } from "../_support/database.ts";
import { type Role, roles, type RolesDatabase, rolesDatabase } from "../_support/roles.ts";

const now = { delayMs: 0, at: null };

/** Enqueues as a producer. */
function produce(database: RolesDatabase, name: string) {
  return enqueue(database.as("producer"), tablesOf(name), [{ message: "1", headers: null }], now);
}

/** For each role, whether a table that it has rights on tells it from a stranger. */
async function known(database: RolesDatabase, table: string): Promise<Role[]> {
  const rows = await database.owner<{ acl: string }[]>`
    select concat(relacl,
      (select string_agg(attacl::text, '') from pg_attribute where attrelid = c.oid)) as acl
    from pg_class c where oid = ${table}::regclass`;
  return roles.filter((role) => rows[0]!.acl.includes(database.name(role)));
}

/** The version of each row of the catalogs that holds rights. */
async function catalogs(sql: Sql): Promise<unknown> {
  const [row] = await sql`
    select (select json_agg(xmin::text order by oid) from pg_class) as relations,
      (select json_agg(xmin::text order by attrelid, attnum) from pg_attribute) as columns,
      (select json_agg(xmin::text order by oid) from pg_namespace) as schemas`;
  return row;
}

describe("rights are given", () => {
  it("by the SQL that is printed, to an administrator's roles", async () => {
    await using database = await rolesDatabase({ pgmq: "none" });
    await database.owner.unsafe(await installSql());
    await database.owner`select pgmq.create('q')`;
    await database.owner.unsafe(await rightsSql());
    assert.deepEqual(await produce(database, "q"), [1]);
  });

  it("by install, also for queues that something else has created", async () => {
    await using database = await rolesDatabase({ pgmq: "genuine" });
    await database.owner`select pgmq.create('Plain')`;
    await assert.rejects(produce(database, "plain"), { code: "MISSING_RIGHT" });
    await install(database.owner);
    assert.deepEqual(await produce(database, "plain"), [1]);
  });

  it("by create, for the queue and its dead letters", async () => {
    await using database = await rolesDatabase({ pgmq: "ours" });
    await createTables(database.owner, tablesOf("q"), tablesOf("q_dlq"));
    for (const table of ["pgmq.q_q", "pgmq.q_q_dlq"]) {
      assert.deepEqual(await known(database, table), ["producer", "worker", "observer"]);
    }
    for (const table of ["pgmq.a_q", "pgmq.a_q_dlq"]) {
      assert.deepEqual(await known(database, table), ["worker", "observer"]);
    }
  });

  it("to those roles that exist, each alone", async () => {
    for (const role of roles) {
      await using database = await rolesDatabase({ pgmq: "ours", having: [role] });
      await createTables(database.owner, tablesOf("q"), undefined);
      assert.deepEqual(await known(database, "pgmq.q_q"), [role]);
    }
  });

  it("under the names of pgtq unless the database has names of its own", async () => {
    await using database = await createTestDatabase({ pgmq: "ours" });
    const names = roles.map((role) => `pgtq_${role}`);
    const undo = new Error("undo");
    const doing = database.sql.begin(async (tx) => {
      for (const name of names) await tx.unsafe(`create role ${name}`);
      await tx.unsafe(await rightsSql());
      const [row] = await tx`
        select bool_and(has_schema_privilege(name, 'pgmq', 'usage')) as all
        from unnest(${names}::text[]) as name`;
      assert.equal(row!.all, true);
      throw undo; // the roles would be there for all the server
    });
    await assert.rejects(doing, undo);
  });

  it("once: where nothing is missing, no catalog is written", async () => {
    await using database = await rolesDatabase({ pgmq: "genuine" });
    const { owner } = database;
    await createTables(owner, tablesOf("q"), tablesOf("q_dlq"));
    await owner`revoke select (vt) on pgmq.q_q from ${owner(database.name("producer"))}`;
    await owner`grant select on pgmq.a_q to ${owner(database.name("producer"))}`;
    await assert.rejects(produce(database, "q"), { code: "MISSING_RIGHT" });
    const before = await catalogs(owner);
    await owner.unsafe(await rightsSql());
    const mended = await catalogs(owner);
    assert.notDeepEqual(mended, before);
    assert.deepEqual(await produce(database, "q"), [1]);
    assert.deepEqual(await known(database, "pgmq.a_q"), ["producer", "worker", "observer"]);

    await createTables(owner, tablesOf("q"), tablesOf("q_dlq"));
    await install(owner);
    assert.deepEqual(await catalogs(owner), mended);
  });

  it("twenty at once, to new queues and old ones, while others install", async () => {
    await using database = await rolesDatabase({ pgmq: "ours" });
    await database.owner`select pgmq.create('old_' || n) from generate_series(1, 20) n`;
    const pools = Array.from({ length: 25 }, () => postgres(database.url, { max: 1 }));
    try {
      await Promise.all(pools.map(async (sql, at) => {
        if (at % 5 === 4) return await install(sql);
        await createTables(
          sql,
          tablesOf(at % 2 === 0 ? "same" : `queue_${at}`),
          tablesOf("letters"),
        );
      }));
    } finally {
      await Promise.all(pools.map((sql) => sql.end()));
    }
    const queues = await database.owner<{ name: string }[]>`
      select queue_name as name from pgmq.list_queues()`;
    assert.ok(queues.length > 30);
    for (const { name } of queues) assert.deepEqual(await produce(database, name), [1], name);
  });

  it("one after the other, but only if there is something to give", async () => {
    await using database = await rolesDatabase({ pgmq: "ours" });
    const { owner } = database;
    await install(owner);
    const { installed } = await owner.begin(async (tx) => {
      await tx.unsafe(creationLock);
      await install(owner);
      await owner`select pgmq.create('q')`;
      const installed = install(owner);
      await blocked(owner);
      return { installed };
    });
    await installed;
    assert.deepEqual(await produce(database, "q"), [1]);
  });

  it("as far as a role may that isn't the owner", async () => {
    await using database = await rolesDatabase({ pgmq: "ours" });
    const { owner } = database;
    const maker = owner(database.name("other"));
    await owner`select pgmq.create('old')`;
    await owner`grant usage, create on schema pgmq to ${maker}`;
    await owner`grant select, insert on pgmq.meta to ${maker}`;
    await createTables(database.as("other"), tablesOf("made"), undefined);
    await install(database.as("other"));
    assert.deepEqual(await known(database, "pgmq.q_made"), ["producer", "worker", "observer"]);
    assert.deepEqual(await known(database, "pgmq.q_old"), []);
    await assert.rejects(produce(database, "made"), { code: "MISSING_RIGHT", message: /schema/ });
    await install(owner);
    assert.deepEqual(await produce(database, "made"), [1]);
  });

  it("though a role may do nothing at all, without a word", async () => {
    await using database = await rolesDatabase({ pgmq: "ours" });
    assert.equal((await install(database.as("other"))).pgmq, "present");
    assert.equal((await install(database.as("worker"))).pgmq, "present");
  });

  for (
    const [what, statement] of [
      ["a queue is being dropped", "select pgmq.drop_queue('going')"],
      ["somebody grants by hand", "grant select on pgmq.q_going to pg_monitor"],
    ] as const
  ) {
    it(`while ${what}`, async () => {
      await using database = await rolesDatabase({ pgmq: "ours" });
      const { owner } = database;
      await owner`select pgmq.create(name) from unnest(array['going', 'staying']) as name`;
      const { installed } = await owner.begin(async (tx) => {
        await tx.unsafe(statement);
        const installed = install(owner);
        await blocked(owner);
        return { installed };
      });
      await installed;
      assert.deepEqual(await produce(database, "staying"), [1]);
    });
  }
});
