import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import { type EmbeddedPostgres, startEmbedded } from "../../src/embedded.ts";
import { fail, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase({ pgmq: "none" });
});
after(() => database[Symbol.asyncDispose]());

describe("the database", () => {
  it("is named by the flag, else by DATABASE_URL, else by PGHOST and its relatives", async () => {
    const { hostname, port, pathname, username } = new URL(database.url);
    const nowhere = "postgres://me@127.0.0.1:1/nowhere";
    await succeed(["install", "--database-url", database.url], { url: nowhere });
    await succeed(["stats"], { url: database.url, env: { PGPORT: "1" } });
    await succeed(["stats"], {
      env: { PGHOST: hostname, PGPORT: port, PGDATABASE: pathname.slice(1), PGUSER: username },
    });
  });

  it("that can't be reached is shown, but not its password", async () => {
    const url = "postgres://me:secret@127.0.0.1:1/nowhere";
    const commands = [["stats"], ["create", "q"], ["send", "q", "1"], ["install"]];
    await Promise.all(commands.map(async (args) => {
      for (
        const said of [await fail(args, { url }), await fail([...args, "--database-url", url])]
      ) {
        assert.match(said, /127\.0\.0\.1:1\/nowhere can't be reached.*--embedded/);
        assert.doesNotMatch(said, /secret/);
      }
    }));
  });

  it("may refuse the login or not exist", async () => {
    const url = new URL(database.url);
    url.username = "nobody_knows";
    url.password = "secret";
    const refused = await fail(["stats"], { url: url.href });
    assert.match(refused, /refuses the login|password authentication/);
    assert.doesNotMatch(refused, /secret/);
    const missing = new URL(database.url);
    missing.pathname = "/no_such_database";
    assert.match(await fail(["stats"], { url: missing.href }), /no_such_database.*does not exist/);
    assert.match(await fail(["stats"], { url: "no address" }), /not a URL/);
  });
});

describe("a database that asks for passwords", () => {
  let server: EmbeddedPostgres;
  let folder: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "pgtq-password-"));
    chmodSync(folder, 0o755); // for root: the server runs as somebody else
    server = await startEmbedded({ dataDir: folder });
    const sql = postgres(server.url);
    await sql.unsafe("create role locked login password 'right'");
    const rules = join(folder, "data", "pg_hba.conf");
    writeFileSync(rules, `host all locked all scram-sha-256\n${readFileSync(rules, "utf8")}`);
    await sql`select pg_reload_conf()`;
    await sql.end();
  });
  after(async () => {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it("refuses a wrong one, which is not shown, and takes the right one", async () => {
    const url = new URL(server.url);
    [url.username, url.password] = ["locked", "wrong"];
    const said = await fail(["stats"], { url: url.href });
    assert.match(said, /locked@.* refuses the login: password authentication failed/);
    assert.doesNotMatch(said, /wrong/);
    url.password = "right";
    assert.match(await fail(["stats"], { url: url.href }), /run `pgtq install`/);
  });
});

describe("a database without pgmq", () => {
  it("says what to run, and has pgmq after that", async () => {
    await using bare = await createTestDatabase({ pgmq: "none" });
    const { url } = bare;
    const commands = [["stats"], ["create", "q"], ["send", "q", "1"], ["list", "q"], [
      "purge",
      "q",
    ]];
    const said = await Promise.all(commands.map((args) => fail(args, { url })));
    // Tables that are missing could be missing for either reason.
    for (const line of said) assert.match(line, /pgtq (install|create)/);
    const [installed] = [await succeed(["install", "--json"], { url })];
    assert.match(installed, /^\{"pgmq":"(sql|extension)","version":"\d/);
    assert.match(await succeed(["install"], { url }), /was there already/);
    await succeed(["create", "q"], { url });
  });

  it("can be given the SQL by hand", async () => {
    await using bare = await createTestDatabase({ pgmq: "none" });
    await bare.sql.unsafe(await succeed(["install", "--print"]));
    await succeed(["create", "q"], { url: bare.url });
  });
});

describe("a queue name", () => {
  it("is never trusted", async () => {
    const names = ["a;drop table x", "it's", 'a"b', "a$b", "a--b", "", "x".repeat(80)];
    const commands = ["create", "drop", "purge", "list", "stats", "send", "redrive", "prune"];
    const more: Record<string, string[]> = {
      send: ["1"],
      redrive: ["--all"],
      prune: ["--ttl", "1d"],
    };
    await Promise.all(names.map(async (name, i) => {
      const command = commands[i % commands.length]!;
      const args = [command, name, ...more[command] ?? []];
      assert.match(await fail(args, { url: database.url }), /as a queue name as it/);
    }));
  });
});

describe("--embedded", () => {
  const folder = mkdtempSync(join(tmpdir(), "pgtq it's a project "));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("keeps a database in .pgtq, and leaves no server behind", { timeout: 60_000 }, async () => {
    mkdirSync(join(folder, "work"));
    const cwd = join(folder, "work");
    await succeed(["create", "mails", "--embedded"], { cwd });
    await succeed(["send", "mails", "1", "--embedded"], { cwd });
    const stats = JSON.parse(await succeed(["stats", "mails", "--embedded", "--json"], { cwd }));
    assert.equal(stats.queued, 1);
    const table = execFileSync("ps", ["-ww", "-eo", "args="], { encoding: "utf8" });
    assert.ok(!table.split("\n").some((line) => line.includes(`-D ${cwd}`)), table);
  });
});
