import assert from "node:assert/strict";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { after, before, describe, it } from "node:test";
import { listen } from "../../src/embedded/lock.ts";
import { fail, type Running, startCli, succeed } from "../_support/cli.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const modules = "tests/cli/modules";

let database: TestDatabase;
before(async () => {
  database = await createTestDatabase();
  for (const name of ["slow", "failing", "greetings", "hash_files", "mails"]) {
    await run("create", name);
  }
});
after(() => database[Symbol.asyncDispose]());

const around = () => ({ url: database.url, cwd: root });
const run = (...args: string[]) => succeed(args, around());

function work(args: readonly string[], env: Record<string, string> = {}): Running {
  return startCli(["worker", ...args], { ...around(), env });
}

async function stopped(worker: Running): Promise<{ stdout: string; log: string[] }> {
  worker.signal("SIGTERM");
  const { code, stdout, stderr } = await worker.ended;
  assert.equal(code, 0, stderr);
  return { stdout, log: stderr.trimEnd().split("\n") };
}

async function refused(...args: string[]): Promise<string> {
  return await fail(["worker", ...args], around());
}

describe("the example", { timeout: 60_000 }, () => {
  it("greetings greets", async () => {
    await run("send", "greetings", '{"name":"Ada"}');
    const worker = work(["examples/greetings.ts"]);
    await worker.line(/^Hello, Ada!$/);
    const { log } = await stopped(worker);
    assert.match(log[0]!, /^processing greetings \(1 at once\) on postgres:\/\/\S+, Ctrl-C stops$/);
    assert.match(log.at(-1)!, /^stopped: 1 task done, 0 retried, 0 dead$/);
  });

  it("hash_files hashes, and gives up on a file that is not there", async () => {
    const input = '{"path":"LICENSE"}\n{"path":"no such file"}\n{"path":"mod.ts"}\n';
    await succeed(["send", "hash_files"], { ...around(), input });
    const worker = work(["./examples/hash_files.ts", "--concurrency-limit", "3"]);
    await worker.line(/task 2 of hash_files failed for good in attempt 1: .*no file/);
    await untilDone("hash_files");
    await stopped(worker);
    const rows = await database.sql`select path from file_hashes order by path desc`;
    assert.deepEqual(rows.map(({ path }) => path), ["mod.ts", "LICENSE"]);
  });

  it("mails sends, and knows which answers are worth a retry", async () => {
    const answers = [503, 200, 422];
    const bodies: string[] = [];
    const server = createServer(async (request, response) => {
      bodies.push((await Array.fromAsync(request)).join(""));
      response.writeHead(answers.shift() ?? 500).end();
    });
    const MAIL_API = `http://127.0.0.1:${await listen(server)}/send`;
    const worker = work(["examples/mails.ts"], { MAIL_API });
    await run("send", "mails", '{"to":"ada@example.org","subject":"Hello"}');
    await worker.line(/task 1 of mails failed in attempt 1.*: .*says 503/);
    await untilDone("mails");
    await run("send", "mails", '{"to":"bob@example.org","subject":"Hello"}');
    await worker.line(/task 2 of mails failed for good in attempt 1: .*refuses: 422/);
    await run("send", "mails", '{"to":"nobody","subject":"Hello"}');
    await worker.line(/task 3 of mails failed for good in attempt 1: InvalidTaskError: to: /);
    const { log } = await stopped(worker);
    assert.match(log.at(-1)!, /1 task done, 1 retried, 2 dead/);
    server.close();
    assert.deepEqual(bodies.map((body) => JSON.parse(body).messageId), ["1", "1", "2"]);
  });
});

/** Waits for the end of a queue's tasks, however they end. */
async function untilDone(queue: string): Promise<void> {
  for (let look = 0; look < 100; look++) {
    const { queued, delayed, processing } = JSON.parse(await run("stats", queue, "--json"));
    if (queued + delayed + processing === 0) return;
  }
  assert.fail(`the queue ${queue} is not done`);
}

describe("a worker", { timeout: 60_000 }, () => {
  it("finishes what runs when it is told to stop", async () => {
    await run("send", "slow", "600");
    await run("send", "slow", "0");
    const worker = work([`${modules}/slow.ts`]);
    await worker.line(/^task 1 starts$/);
    const { stdout, log } = await stopped(worker);
    assert.match(stdout, /^task 1 ends$/m);
    assert.doesNotMatch(stdout, /task 2/);
    assert.match(log.at(-1)!, /1 task done/);
    assert.equal(JSON.parse(await run("stats", "slow", "--json")).queued, 1);
    await run("purge", "slow");
  });

  it("aborts what runs when it is told twice, and gives it back", async () => {
    await run("send", "slow", "60000");
    const worker = work([`${modules}/slow.ts`]);
    await worker.line(/^task 3 starts$/);
    worker.signal("SIGINT");
    await worker.line(/^stopping/);
    const { stdout, log } = await stopped(worker);
    assert.doesNotMatch(stdout, /ends/);
    assert.ok(log.includes("aborting"));
    assert.equal(JSON.parse(await run("stats", "slow", "--json")).queued, 1);
    await run("purge", "slow");
  });

  it("logs one line for each failed attempt, and takes a doubled export once", async () => {
    await run("send", "failing", '"fine"');
    await run("send", "failing", '"hopeless"');
    const worker = work([`${modules}/failing.ts`, `${modules}/failing.ts`]);
    await worker.line(/task 2 of failing failed for good/);
    const { log } = await stopped(worker);
    assert.equal(
      log.filter((line) => /info pgtq\.worker: task \d of failing/.test(line)).length,
      2,
    );
    assert.equal(log.filter((line) => /warning pgtq\.worker: task 2/.test(line)).length, 1);
    for (const line of log.slice(1, -2)) assert.match(line, /^\d{4}-.*Z \w+ pgtq\.worker: /);
    assert.match(log.at(-1)!, /1 task done, 2 retried, 1 dead/);
  });

  it("can be told which queues to take", async () => {
    const both = ["examples/greetings.ts", `${modules}/failing.ts`];
    for (const flags of [["--include", "failing"], ["--exclude", "greetings"]]) {
      const worker = work([...both, ...flags]);
      assert.match(await worker.line(/^processing/), /^processing failing \(/);
      await stopped(worker);
    }
    const flags = ["--include", "failing", "--include", "greetings", "--exclude", "failing"];
    const worker = work([...both, ...flags]);
    assert.match(await worker.line(/^processing/), /^processing greetings \(/);
    await stopped(worker);
  });

  it("takes all of the seed's flags", async () => {
    const worker = work([
      "examples/greetings.ts",
      ...["--concurrency-limit", "10", "--poll-interval-seconds", "0.5"],
      ...["--poll-exception-interval-seconds", "3.0", "--prune-interval", "60"],
      ...["--prune-batch-size", "500", "--settle", "each", "--include", "greetings"],
    ]);
    assert.match(await worker.line(/^processing/), /greetings \(10 at once\)/);
    await stopped(worker);
  });
});

describe("a worker refuses", () => {
  it("modules that it can't use", async () => {
    const cases: [string, RegExp][] = [
      ["nowhere.ts", /Cannot find the module "nowhere\.ts": there is no file .*nowhere\.ts/],
      ["no-such-package", /Cannot find the module "no-such-package".*no such package/],
      ["myapp.processors", /Cannot find the module "myapp\.processors"/],
      [modules, /Cannot find the module/],
      [`${modules}/empty.ts`, /"tests.*empty\.ts" as it exports no processor/],
      [`${modules}/throwing.ts`, /the setting COLOUR is missing \(tests.*throwing\.ts:4:\d+\)/],
    ];
    await Promise.all(cases.map(async ([module, line]) => {
      assert.match(await refused(module), line);
    }));
  });

  it("two processors for one queue", async () => {
    const said = await refused(`${modules}/failing.ts`, `${modules}/rival.ts`);
    assert.match(said, /queue "Failing": \w+ of .*failing\.ts and onRival of .*rival\.ts/);
  });

  it("filters that match nothing", async () => {
    const module = `${modules}/failing.ts`;
    assert.match(await refused(module, "--include", "nope"), /"nope".* failing/);
    assert.match(await refused(module, "--exclude", "nope"), /"nope".* failing/);
    assert.match(await refused(module, "--exclude", "failing"), /leave no queue/);
  });

  it("a queue that is not there", async () => {
    await using bare = await createTestDatabase({ pgmq: "none" });
    const say = async (url: string) => {
      const { code, stderr } = await startCli(["worker", "examples/greetings.ts"], {
        url,
        cwd: root,
      }).ended;
      assert.equal(code, 1);
      return stderr;
    };
    assert.match(await say(bare.url), /^pgtq: Cannot run a worker.*pgtq install/m);
    await succeed(["install"], { url: bare.url });
    assert.match(await say(bare.url), /^pgtq: Cannot run a worker.*pgtq create greetings/m);
    assert.doesNotMatch(await say("postgres://me:secret@127.0.0.1:1/x"), /secret| {4}at /);
  });
});
