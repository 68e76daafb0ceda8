import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { misuse, startCli, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";
import { named as address, toldTo, untilListening } from "../_support/sessions.ts";

let database: TestDatabase;
let folder: string;
before(async () => {
  database = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), "pgtq-pooler-"));
  // It tells what a copy of the library would find that it imports, and how this one connects.
  const mod = (path: string) => JSON.stringify(new URL(`../../${path}`, import.meta.url).href);
  writeFileSync(
    join(folder, "told.ts"),
    `
    import { createQueue, processor } from ${mod("mod.ts")};
    import { connection } from ${mod("src/db/connection.ts")};
    const { DATABASE_URL, DATABASE_LISTEN_URL } = process.env;
    const { host, prepare } = connection().options;
    console.log(JSON.stringify({ DATABASE_URL, DATABASE_LISTEN_URL, host, prepare }));
    export const onTask = processor(createQueue("told"), () => console.log("done"));
  `,
  );
  await succeed(["create", "told"], { url: database.url });
});
after(async () => {
  rmSync(folder, { recursive: true, force: true });
  await database[Symbol.asyncDispose]();
});

const named = (name: string) => address(database.url, name);
const listening = (name: string) => () => untilListening(database.sql, name);

/** Starts a worker, does something once it looks, and returns what it was told. */
async function told(
  args: readonly string[],
  env: Record<string, string>,
  use: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Record<string, unknown>> {
  const cwd = fileURLToPath(new URL("../..", import.meta.url));
  const worker = startCli(["worker", join(folder, "told.ts"), ...args], { cwd, env });
  const line = await worker.line(/^\{/);
  await worker.line(/^processing told/);
  await use();
  worker.signal("SIGTERM");
  assert.equal((await worker.ended).code, 0);
  return JSON.parse(line);
}

describe("a worker behind a pooler", { timeout: 60_000 }, () => {
  it("is told by options where to listen, and not to prepare statements", async () => {
    const options = ["--database-url", named("works"), "--listen-url", named("listens")];
    const elsewhere = { DATABASE_LISTEN_URL: "postgres://me@127.0.0.1:1/another" };
    const { DATABASE_URL, DATABASE_LISTEN_URL, prepare } = await told(
      [...options, "--no-prepare"],
      elsewhere,
      listening("listens"),
    );
    assert.deepEqual([DATABASE_URL, DATABASE_LISTEN_URL, prepare], [
      `${named("works")}&prepare=false`,
      named("listens"),
      false,
    ]);
  });

  it("is told the same by the environment", async () => {
    const DATABASE_URL = `${database.url}?prepare=false`;
    const env = { DATABASE_URL, DATABASE_LISTEN_URL: named("listens_too") };
    const found = await told([], env, listening("listens_too"));
    assert.equal(found.prepare, false);
  });

  it("may listen nowhere", async () => {
    const DATABASE_URL = named("deaf");
    for (
      const [args, env] of [
        [["--listen-url", "none"], { DATABASE_URL }],
        [[], { DATABASE_URL, DATABASE_LISTEN_URL: "none" }],
      ] as const
    ) {
      const done = async () => {
        await succeed(["send", "told", "1"], { url: database.url });
        while ((await database.sql`select from pgmq.q_told`).length > 0);
        const queries = await toldTo(database.sql, "deaf");
        assert.ok(queries.length > 0);
        assert.ok(!queries.some((query) => query.startsWith("listen ")), String(queries));
      };
      assert.equal((await told(args, env, done)).DATABASE_LISTEN_URL, "none");
    }
  });

  it("doesn't listen where another database is than the one that an option names", async () => {
    const env = { DATABASE_LISTEN_URL: "postgres://me@127.0.0.1:1/another" };
    const url = named("one_address");
    const found = await told(["--database-url", url], env, listening("one_address"));
    assert.equal(found.DATABASE_LISTEN_URL, undefined);
  });

  it("needs no address to be told not to prepare statements", async () => {
    const { hostname, port, pathname, username } = new URL(database.url);
    const env = { PGHOST: hostname, PGPORT: port, PGDATABASE: pathname.slice(1), PGUSER: username };
    const { host, prepare } = await told(["--no-prepare"], env);
    assert.deepEqual([host, prepare], [[hostname], false]);
    await succeed(["stats", "--no-prepare"], { env });
  });

  it("refuses to listen at what is no address", async () => {
    assert.match(
      await misuse(["worker", "told.ts", "--listen-url", "nowhere"]),
      /--listen-url.*Expected an address such as/,
    );
  });
});
