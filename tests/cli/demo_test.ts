import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { filesBelow } from "../../src/cli/demo/files.ts";
import { tasksFor } from "../../src/cli/demo/tasks.ts";
import { fail, startCli, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

const folder = mkdtempSync(join(tmpdir(), "pgtq demo "));
let database: TestDatabase;
before(async () => {
  for (const name of ["b", "a", ".git", "node_modules", "empty"]) mkdirSync(join(folder, name));
  for (const path of ["a/2", "a/1", "b/ö", ".git/no", "node_modules/no", ".hidden"]) {
    writeFileSync(join(folder, path), path);
  }
  database = await createTestDatabase();
});
after(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

describe("the files of the demo", () => {
  it("come in order, without what is not the user's own", async () => {
    const paths = ["a/1", "a/2", "b/ö"].map((path) => join(folder, path));
    assert.deepEqual(await filesBelow(folder, 10), paths);
    assert.deepEqual(await filesBelow(folder, 2), paths.slice(0, 2));
  });

  it("make tasks of every kind, always the same", () => {
    const tasks = tasksFor(["x"]) as { trouble?: string }[];
    const troubles = tasks.map(({ trouble }) => trouble);
    assert.deepEqual(troubles, ["slow", "stuck", undefined, undefined, "flaky"]);
    assert.deepEqual(tasksFor(["x"]), tasks);
  });
});

describe("the demo", { timeout: 60_000 }, () => {
  it("hashes files for real, shows what goes wrong, and can be run again", async () => {
    for (let run = 0; run < 2; run++) {
      const said = await succeed(["demo", folder], { url: database.url });
      assert.match(said, /^7 tasks in the queue demo_files/m);
      assert.match(said, /^ {2}done +4:/m);
      assert.match(said, /^ {2}retried 3:/m);
      assert.match(said, /^ {2}dead +3:/m);
      assert.match(said, /InvalidTaskError: path: expected string, received 42/);
      assert.match(said, /after 2 attempts: TimeoutError/);
      assert.match(said, /tasks\/s/);
      assert.match(said, /p50 [\d.]+ ms, p99 [\d.]+ ms/);
      assert.match(said, /list demo_files --state dead/);
    }
    const rows = await database.sql`select * from pgtq_demo_files order by path`;
    assert.deepEqual(rows.map(({ path }) => path), await filesBelow(folder, 10));
    assert.deepEqual([Number(rows[0]!.size)], [3]);
    const bytes = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("a/1"));
    const expected = [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0"));
    assert.equal(rows[0]!.sha256, expected.join(""));
  });

  it("can be interrupted and resumed", async () => {
    const demo = startCli(["demo", folder], { url: database.url });
    await demo.line(/files to hash/);
    demo.signal("SIGINT");
    const { code, stderr } = await demo.ended;
    assert.equal(code, 130);
    assert.match(stderr, /^pgtq: interrupted.*\n$/);
    await succeed(["demo", folder], { url: database.url });
    const [left] = await database.sql`select count(*)::int as count from pgmq.q_demo_files`;
    assert.equal(left!.count, 0);
  });

  it("needs files", async () => {
    assert.match(await fail(["demo", join(folder, "empty")]), /no files/);
    assert.match(await fail(["demo", join(folder, "nowhere")]), /nowhere: ENOENT/);
    assert.match(await fail(["demo", join(folder, "a", "1")]), /ENOTDIR|not a directory/i);
  });
});
