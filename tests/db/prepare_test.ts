import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import { close, createQueue, setup, type SetupOptions } from "../../mod.ts";
import { claim } from "../../src/db/claim.ts";
import { connection, openAlone, type Sql } from "../../src/db/connection.ts";
import { siteOf } from "../../src/db/site.ts";
import { Turns } from "../../src/db/turns.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

describe("statements", () => {
  let database: TestDatabase;
  const queue = createQueue("prepared");

  before(async () => {
    database = await createTestDatabase();
    setup({ sql: database.sql });
    await queue.create();
  });
  after(async () => {
    await close();
    await database?.[Symbol.asyncDispose]();
  });

  /** Does some of what the library does, in one session, and returns what that has prepared. */
  async function preparedBy(options: SetupOptions): Promise<{ plain: number; inTurn: number }> {
    setup(options);
    const sql = openAlone(connection());
    await using turns = new Turns(connection());
    try {
      await queue.enqueue({}, { sql });
      await claim(await siteOf(sql, queue.definition.tables, "Cannot test"), {
        limit: 1,
        leaseMs: 1000,
      });
      const count = "select count(*)::int as count from pg_prepared_statements";
      const [plain] = await sql.unsafe<{ count: number }[]>(count);
      const turn = { lock: "any", timeoutMs: 5000 };
      const text = `${count} where $1::text is not null`;
      const [inTurn] = await turns.query<{ count: number }>(turn, text, [""], "Cannot look");
      return { plain: plain!.count, inTurn: inTurn!.count };
    } finally {
      await sql.end();
      await close();
    }
  }

  const unprepared: [string, (url: string) => SetupOptions][] = [
    ["with prepare: false", (url) => ({ url, prepare: false })],
    ["at an address that says so", (url) => ({ url: `${url}?prepare=false` })],
  ];
  for (const [what, options] of unprepared) {
    it(`are not prepared by name ${what}`, async () => {
      assert.deepEqual(await preparedBy(options(database.url)), { plain: 0, inTurn: 0 });
    });
  }

  it("are not prepared by name on a pool that is told not to", async () => {
    const sql = postgres(database.url, { prepare: false }) as unknown as Sql;
    assert.deepEqual(await preparedBy({ sql }), { plain: 0, inTurn: 0 });
    await sql.end();
  });

  const prepared: [string, (url: string) => SetupOptions][] = [
    ["unless told otherwise", (url) => ({ url })],
    ["if told to, whatever the address says", (url) => {
      return { url: `${url}?prepare=false`, prepare: true };
    }],
  ];
  for (const [what, options] of prepared) {
    it(`are prepared by name ${what}`, async () => {
      const { plain, inTurn } = await preparedBy(options(database.url));
      assert.ok(plain > 0 && inTurn > 0, `${plain} and ${inTurn}`);
    });
  }
});
