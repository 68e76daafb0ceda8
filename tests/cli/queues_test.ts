import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { runCli, startCli, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
});
after(() => database[Symbol.asyncDispose]());

/** Runs a command and parses its lines of JSON. */
async function json(...args: string[]): Promise<Record<string, unknown>[]> {
  const text = await succeed([...args, "--json"], { url: database.url });
  return text.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line));
}

const run = (...args: string[]) => succeed(args, { url: database.url });

/** Makes the first tasks of a queue dead letters, as a worker would. */
async function bury(queue: string, ids: number[]): Promise<void> {
  for (const id of ids) {
    await database.sql.unsafe(`
      with gone as (delete from pgmq."q_${queue}" where msg_id = ${id} returning *)
      insert into pgmq."q_${queue}_dlq" (vt, message) select now(), jsonb_build_object(
        'msg_id', msg_id, 'queue_name', '${queue}', 'message', message, 'errors', '["boom"]'::jsonb)
      from gone`);
  }
}

describe("the life of a queue", () => {
  it("from create to drop", async () => {
    assert.match(await run("stats"), /There are no queues/);
    await run("create", "mails");
    await run("create", "mails");
    for (const to of ["ada", "bob", "cyd"]) await run("send", "mails", `{"to":"${to}"}`);
    await run("send", "mails", '{"to":"dan"}', "--delay", "1h", "--group", "vip");

    const [stats] = await json("stats", "mails");
    const { queued, delayed, processing, dead, archived } = stats!;
    assert.deepEqual([queued, delayed, processing, dead, archived], [3, 1, 0, 0, 0]);
    assert.deepEqual(await json("stats").then((all) => all.map(({ queue }) => queue)), ["mails"]);
    assert.match(await run("stats", "mails"), /^queue .*\nmails +3 +1 +0 +0 +0 +\d/);

    await bury("mails", [1, 2]);
    const letters = await json("list", "mails", "--state", "dead");
    assert.deepEqual(letters.map(({ id, task }) => [id, task]), [[1, { to: "ada" }], [2, {
      to: "bob",
    }]]);
    assert.match(await run("list", "mails", "--state", "dead"), /boom +\{"to":"ada"\}/);

    assert.deepEqual(await json("redrive", "mails", "1"), [{ id: 5 }]);
    assert.deepEqual(await json("redrive", "mails", "--all", "--limit", "1"), [{ redriven: 1 }]);
    assert.deepEqual(await json("redrive", "mails", "--all"), [{ redriven: 0 }]);

    await bury("mails", [3]);
    assert.deepEqual(await json("purge", "mails"), [{ tasks: 3, dead: 1 }]);
    await run("drop", "mails");
    assert.equal((await runCli(["drop", "mails"], { url: database.url })).code, 1);
  });

  it("without dead letters", async () => {
    await run("create", "plain", "--no-dlq");
    await run("send", "plain", "1");
    const tables = await database.sql`select queue_name as name from pgmq.meta`;
    assert.deepEqual(tables.map(({ name }) => name), ["plain"]);
    assert.equal((await json("stats", "plain"))[0]!.dead, 0);
    assert.deepEqual(await json("purge", "plain"), [{ tasks: 1, dead: 0 }]);
    await run("drop", "plain", "--no-dlq");
  });

  it("whose dead letters are left alone", async () => {
    await run("create", "kept");
    await run("send", "kept", "1");
    await bury("kept", [1]);
    assert.deepEqual(await json("purge", "kept", "--no-dlq"), [{ tasks: 0, dead: 0 }]);
    await run("drop", "kept", "--no-dlq");
    const tables = await database.sql`select queue_name as name from pgmq.meta`;
    assert.deepEqual(tables.map(({ name }) => name), ["kept_dlq"]);
    await database.sql`select pgmq.drop_queue('kept_dlq')`;
  });
});

describe("list", () => {
  it("shows pages and states", async () => {
    await run("create", "pages");
    await succeed(["send", "pages"], { url: database.url, input: "1\n2\n3\n4\n5\n" });
    await run("send", "pages", "6", "--delay", "1h", "--group", "g");
    const page = await json("list", "pages", "--limit", "2", "--after", "2");
    assert.deepEqual(page.map(({ id, task, state }) => [id, task, state]), [
      [3, 3, "queued"],
      [4, 4, "queued"],
    ]);
    const [delayed] = await json("list", "pages", "--state", "delayed");
    assert.deepEqual([delayed!.id, delayed!.group], [6, "g"]);
    assert.match(await run("list", "pages", "--state", "archived"), /^id .*\n$/);
  });

  it("ends quietly when its reader does", async () => {
    await run("create", "long");
    const input = `"${"x".repeat(1000)}"\n`.repeat(2000);
    await succeed(["send", "long"], { url: database.url, input });
    const { child, ended } = startCli(["list", "long", "--limit", "2000"], { url: database.url });
    child.stdout!.once("data", () => child.stdout!.destroy());
    const { code, stderr } = await ended;
    assert.deepEqual([code, stderr], [0, ""]);
  });
});

describe("stats --watch", () => {
  it("goes on until it is interrupted", async () => {
    await run("create", "watched");
    const watching = startCli(["stats", "watched", "--watch", "--json"], { url: database.url });
    await watching.line(/"queued":0/);
    await run("send", "watched", "1");
    await watching.line(/"queued":1/);
    watching.signal("SIGINT");
    assert.equal((await watching.ended).code, 0);
  });
});

describe("prune", () => {
  it("deletes what is old or too much, in batches", async () => {
    await run("create", "old");
    await database.sql.unsafe(`
      insert into pgmq.a_old (msg_id, read_ct, enqueued_at, vt, message, archived_at)
      select n, 1, now(), now(), to_jsonb(n), now() - make_interval(days => 20 - n)
      from generate_series(1, 20) n`);
    assert.deepEqual(await json("prune", "old", "--ttl", "15d", "--batch-size", "2"), [{
      pruned: 5,
    }]);
    assert.deepEqual(await json("prune", "old", "--limit", "10"), [{ pruned: 5 }]);
    assert.match(await run("prune", "old", "--limit", "0"), /^10 archived tasks of "old" deleted/);
  });
});
