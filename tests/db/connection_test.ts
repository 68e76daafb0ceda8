import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import process from "node:process";
import { close, createQueue, install, PgtqError, setup } from "../../mod.ts";
import { connect, connection, openForWorker, query } from "../../src/db/connection.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

describe("the connection", () => {
  let database: TestDatabase;

  before(async () => {
    database = await createTestDatabase();
  });
  after(async () => {
    await close();
    await database?.[Symbol.asyncDispose]();
  });

  const ask = () => connection()`select 1 as one`;
  const withPath = (path: string) => Object.assign(new URL(database.url), { pathname: path }).href;

  /** Points the library at an address, and checks how the first use fails. */
  async function fails(
    url: string,
    code: string,
    message: RegExp,
    use: () => Promise<unknown> = refused,
  ) {
    setup({ url });
    await assert.rejects(use, (error) => {
      assert.ok(error instanceof PgtqError, String(error));
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret/);
      assert.ok(error.cause instanceof Error || code === "MISSING_PGMQ");
      return true;
    });
    await close();
  }
  const refused = () => createQueue("orders").enqueue(1);

  it("is what DATABASE_URL says until setup names another", async () => {
    const given = process.env.DATABASE_URL;
    process.env.DATABASE_URL = database.url;
    try {
      // A module of its own, as other tests may have called setup on the one they share.
      const path = "../../src/db/connection.ts?fresh";
      const fresh: typeof import("../../src/db/connection.ts") = await import(path);
      assert.equal(fresh.connection().options.database, new URL(database.url).pathname.slice(1));
      await fresh.connection()`select 1`;
      await fresh.close();
    } finally {
      if (given === undefined) delete process.env.DATABASE_URL;
      else process.env.DATABASE_URL = given;
    }
  });

  it("by url belongs to the library: close ends it, the next use opens another", async () => {
    setup({ url: database.url });
    const first = connection();
    assert.equal(connection(), first);
    await ask();
    await close();
    await assert.rejects(first`select 1`.execute(), { code: "CONNECTION_ENDED" });
    assert.notEqual(connection(), first);
    await ask();
  });

  it("by sql stays the caller's: close leaves it alone", async () => {
    setup({ sql: database.sql });
    assert.equal(connection(), database.sql);
    await close();
    await database.sql`select 1`;
  });

  it("is by url when sql is there but undefined", async () => {
    setup({ url: database.url, sql: undefined });
    await ask();
    await close();
  });

  it("that setup replaces is ended if the library opened it", async () => {
    setup({ url: database.url });
    const old = connection();
    await ask();
    setup({ sql: database.sql });
    await assert.rejects(old`select 1`.execute(), { code: "CONNECTION_ENDED" });
    await ask();
    setup({ url: database.url });
    await database.sql`select 1`;
    await close();
  });

  it("of a worker is its own, and the last worker ends the shared one", async () => {
    setup({ url: database.url });
    const shared = connection();
    const [first, second] = [openForWorker(), openForWorker()];
    assert.notEqual(first.sql, shared);
    await shared`select 1`;
    await first.close();
    await assert.rejects(first.sql`select 1`.execute(), { code: "CONNECTION_ENDED" });
    await second.sql`select 1`;
    await shared`select 1`;
    await second.close();
    await assert.rejects(shared`select 1`.execute(), { code: "CONNECTION_ENDED" });
    await ask();
    await close();
  });

  it("of a worker that listens is to the same database, whatever the environment says of another", async () => {
    process.env.DATABASE_LISTEN_URL = "postgres://me@127.0.0.1:1/another";
    try {
      setup({ url: database.url });
      const { sql, listens, close } = openForWorker();
      assert.equal(listens!.options.database, sql.options.database);
      await close();
    } finally {
      delete process.env.DATABASE_LISTEN_URL;
    }
  });

  it("given by the caller outlives all workers", async () => {
    setup({ sql: database.sql });
    const worker = openForWorker();
    await worker.sql`select 1`;
    await worker.close();
    await database.sql`select 1`;
  });

  it("can be closed when none was opened, and again", async () => {
    setup({ url: database.url });
    await close();
    await close();
  });

  describe("that can't be had", () => {
    it("says where nobody answers, without the password", async () => {
      const message =
        /Cannot enqueue to "orders" as the database postgres:\/\/me@127\.0\.0\.1:1\/x/;
      await fails("postgres://me:secret@127.0.0.1:1/x", "NO_DATABASE", message);
    });

    it("says that the database doesn't exist", async () => {
      await fails(withPath("/no_such_database"), "NO_DATABASE", /no_such_database/);
    });

    it("says that the server refuses the role", async () => {
      const url = new URL(database.url);
      url.username = "nobody_of_this_name";
      await fails(url.href, "REJECTED_LOGIN", /refuses the login.*nobody_of_this_name/);
    });

    it("says that pgmq is missing, and how to install it", async () => {
      await using bare = await createTestDatabase({ pgmq: "none" });
      for (
        const use of [
          () => createQueue("orders").create(),
          () => createQueue("orders").purge(),
          () => createQueue("orders").cancel(1),
          () => createQueue("orders").redrive(1),
        ]
      ) {
        await fails(
          bare.url,
          "MISSING_PGMQ",
          /pgmq is not installed in .*: run `pgtq install`$/,
          use,
        );
      }
      setup({ url: bare.url });
      assert.equal((await install()).pgmq, "sql");
      await createQueue("orders").create();
      await close();
    });

    it("says that the queue is missing, and how to create it", async () => {
      await fails(
        database.url,
        "MISSING_QUEUE",
        /"orders" doesn't exist: run `pgtq create orders`$/,
      );
    });
  });

  describe("setup", () => {
    for (const options of [{}, { url: 5 }, { sql: "postgres://" }, { uri: "x" }, null, undefined]) {
      it(`refuses ${JSON.stringify(options)}`, () => {
        assert.throws(() => setup(options as never), {
          name: "TypeError",
          message: "setup needs { url } or { sql }: a postgres:// address or a pool",
        });
      });
    }

    const wrong: [object, string][] = [
      [{ listenUrl: 5 }, "listenUrl must be a postgres:// address, or null for nowhere"],
      [{ listenUrl: false }, "listenUrl must be a postgres:// address, or null for nowhere"],
      [{ prepare: "no" }, "prepare must be true or false"],
      [{ prepare: null }, "prepare must be true or false"],
      [{ sql: () => {}, listenUrl: {} }, "listenUrl must be a postgres:// address, or null"],
      [{ sql: () => {}, prepare: false }, "prepare must be set on the pool itself"],
    ];
    for (const [options, what] of wrong) {
      it(`names the wrong option of ${JSON.stringify(options)}: ${what}`, () => {
        assert.throws(() => setup({ url: "postgres://", ...options } as never), (error) => {
          assert.ok(error instanceof TypeError);
          assert.ok(error.message.startsWith(`Wrong option of setup: ${what}`), error.message);
          return true;
        });
      });
    }

    it("refuses an option that there is none of", () => {
      assert.throws(() => setup({ url: "postgres://", listenURL: null } as never), {
        name: "TypeError",
        message: "Unknown option listenURL of setup",
      });
    });

    it("that is refused changes nothing", async () => {
      setup({ url: database.url });
      const before = connection();
      assert.throws(() => setup({ url: "postgres://", prepare: 1 } as never), TypeError);
      assert.equal(connection(), before);
      await close();
    });

    it("refuses an address that is none, without repeating it", () => {
      const url = "postgres://me:secret@[half/an/address";
      assert.throws(() => {
        setup({ url });
        connection();
      }, (error) => error instanceof TypeError && !error.message.includes("secret"));
    });
  });

  describe("a query", () => {
    it("that fails for a reason of its own passes the error on as it came", async () => {
      setup({ sql: database.sql });
      await assert.rejects(query(connection(), "select 1 / 0", [], "Cannot divide"), {
        name: "PostgresError",
        code: "22012",
      });
    });

    it("works on a pool of the library's own kind", async () => {
      const sql = connect(database.url);
      try {
        const rows = await query(sql, "select $1::int + 1 as sum", [1], "Cannot add");
        assert.deepEqual(rows.map((row) => ({ ...row })), [{ sum: 2 }]);
      } finally {
        await sql.end();
      }
    });
  });
});
