import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fail, misuse, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

const folder = mkdtempSync(join(tmpdir(), "pgtq send "));
let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

let queues = 0;
async function newQueue(): Promise<string> {
  const name = `queue_${++queues}`;
  await database.sql`select pgmq.create(${name})`;
  return name;
}

async function rows(name: string) {
  return await database.sql.unsafe(`select * from pgmq."q_${name}" order by msg_id`);
}

/** A file of so many lines, some of which are replaced. */
function file(count: number, replaced: Record<number, string> = {}): string {
  const lines = Array.from({ length: count }, (_, i) => replaced[i + 1] ?? `{"n":${i + 1}}`);
  const path = join(folder, crypto.randomUUID());
  writeFileSync(path, lines.join("\n"));
  return path;
}

const around = () => ({ url: database.url });

describe("one task", () => {
  it("is sent with its options, and its id is written", async () => {
    const name = await newQueue();
    assert.equal(await succeed(["send", name, '{"a":[1]}'], around()), "1\n");
    const args = ["send", name, "null", "--group", "it's; --", "--delay", "30m", "--json"];
    assert.equal(await succeed(args, around()), '{"id":2}\n');
    const [first, second] = await rows(name);
    assert.deepEqual(first!.message, { a: [1] });
    assert.equal(second!.headers["x-pgmq-group"], "it's; --");
    assert.ok(second!.vt - second!.enqueued_at >= 30 * 60_000);
  });

  it("must be JSON, in a queue that is there, with options that work", async () => {
    const name = await newQueue();
    assert.match(await fail(["send", name, "{a: 1}"], around()), /the task is not JSON/);
    assert.match(await fail(["send", "nowhere", "1"], around()), /nowhere.*pgtq create/);
    assert.match(await fail(["send", name, "1", "--key", "k"], around()), /lacks its index: run/);
    assert.match(await fail(["send", name, '"a\\u0000"'], around()), /NUL|u0000/);
    const huge = '{"text": "12345678901234567", "ids": [1e20, 12345678901234567]}';
    assert.match(await fail(["send", name, huge], around()), /12345678901234567 is too large/);
    assert.equal((await rows(name)).length, 0);
  });

  it("is sent once per key, and may replace the body of one that waits", async () => {
    const name = await newQueue();
    await succeed(["create", name], around());
    const send = (...args: string[]) => succeed(["send", name, ...args, "--key", "k"], around());
    assert.equal(await send("1"), "1\n");
    assert.equal(await send("2"), "1\n");
    assert.deepEqual((await rows(name)).map(({ message }) => message), [1]);
    assert.equal(await send("3", "--replace", "--json"), '{"id":1}\n');
    assert.deepEqual((await rows(name)).map(({ message }) => message), [3]);
  });

  it("is what a key is for, and a key what a replacement is for", async () => {
    assert.match(await misuse(["send", "q", "--key", "k"]), /--key needs the task/);
    assert.match(await misuse(["send", "q", "--file", "f", "--key", "k"]), /--key needs the task/);
    assert.match(await misuse(["send", "q", "1", "--replace"]), /--replace needs --key/);
  });
});

describe("lines", () => {
  it("come from the standard input", async () => {
    const name = await newQueue();
    const input = '{"n":1}\r\n\r\n2\n"three"';
    const said = await succeed(["send", name], { ...around(), input });
    assert.equal(said, `3 tasks enqueued to "${name}"\n`);
    assert.deepEqual((await rows(name)).map(({ message }) => message), [{ n: 1 }, 2, "three"]);
    assert.match(await succeed(["send", name], around()), /^0 tasks/);
  });

  it("come from a file, in order and more than one statement's worth", async () => {
    const name = await newQueue();
    const said = await succeed(["send", name, "--file", file(2500), "--json"], around());
    assert.equal(said, '{"enqueued":2500,"skipped":0}\n');
    const numbers = (await rows(name)).map(({ message }) => message.n);
    assert.deepEqual(numbers, Array.from({ length: 2500 }, (_, i) => i + 1));
  });

  it("that are not JSON are named, with nothing of their chunk enqueued", async () => {
    const name = await newQueue();
    const early = await fail(["send", name, "--file", file(10, { 3: "oops" })], around());
    assert.match(early, /line 3 is not JSON.*\(0 tasks enqueued, nothing from line 1 on\)/);
    assert.equal((await rows(name)).length, 0);
    const late = await fail(["send", name, "--file", file(1500, { 1400: "{" })], around());
    assert.match(late, /line 1400 .*\(1,000 tasks enqueued, nothing from line 1001 on\)/);
    assert.equal((await rows(name)).length, 1000);
  });

  it("that are not JSON can be left out", async () => {
    const name = await newQueue();
    const path = file(1500, { 7: "oops", 1400: "{" });
    const said = await succeed(["send", name, "--file", path, "--skip-invalid"], around());
    assert.match(said, /^1,498 tasks .*; 2 lines skipped that are not JSON: 7, 1400\n$/);
    assert.equal((await rows(name)).length, 1498);
  });

  it("must be text, in a file that can be read", async () => {
    const name = await newQueue();
    const input = new Uint8Array([0x31, 0x0a, 0xff]);
    assert.match(await fail(["send", name], { ...around(), input }), /not text in UTF-8/);
    assert.match(await fail(["send", name, "--file", "no such"], around()), /no such.*ENOENT/);
    assert.match(await fail(["send", name, "--file", folder], around()), /EISDIR|directory/);
    assert.match(
      await fail(["send", "nowhere", "--file", file(1)], around()),
      /nowhere.*pgtq create/,
    );
    assert.equal((await rows(name)).length, 0);
  });
});
