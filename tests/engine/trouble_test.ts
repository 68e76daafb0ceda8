import assert from "node:assert/strict";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import {
  close,
  createQueue,
  install,
  PermanentError,
  processor,
  setup,
  Worker,
} from "../../mod.ts";
import { startEmbedded } from "../../src/embedded.ts";
import { createTestDatabase, type TestDatabase } from "../_support/database.ts";
import { next } from "../_support/events.ts";
import { farOff, wayTo } from "../_support/pooler.ts";

let database: TestDatabase;

before(async () => {
  database = await createTestDatabase();
  setup(wayTo(database.url));
});

after(async () => {
  await close();
  await database[Symbol.asyncDispose]();
});

/** Ends every connection of the library to the test's database, the listening one too. */
async function terminate(): Promise<void> {
  await database.sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and application_name = 'pgtq'`;
}

describe("a worker", () => {
  it("goes on after its connections were terminated, listening again and losing nothing", async () => {
    const queue = createQueue<{ n: number }>("terminated");
    await queue.create();
    const runs: number[] = [];
    const onTask = processor(queue, { maxRetries: 5 }, async ({ n }) => {
      runs.push(n);
      // The result of this task has to be written over a connection that is gone.
      if (n === 1) await terminate();
    });
    const worker = new Worker({
      processors: [onTask],
      pollInterval: farOff,
      pollExceptionInterval: "20ms",
    });
    const running = worker.run();
    const first = next(worker, "completed");
    await queue.enqueue({ n: 1 });
    await first;
    await terminate();
    // Enqueued behind the worker's back, found by the look after listening again or by the notice.
    const second = next(worker, "completed");
    await database.sql.unsafe(
      `insert into pgmq.q_terminated (vt, message) values (clock_timestamp(), '{"n": 2}');
       select pg_notify('pgmq.q_terminated.INSERT', '')`,
    ).simple();
    await second;
    await worker.stop();
    await running;
    assert.deepEqual(runs, [1, 2]);
    const archived = await queue.list({ state: "archived" });
    assert.deepEqual(archived.map(({ errors }) => errors), [[], []]);
  });

  it("records an error once although the answer to its retry was lost", async () => {
    const queue = createQueue("in_doubt");
    await queue.create();
    await database.sql.unsafe(`
      create function tell() returns trigger language plpgsql as $$
      begin
        if jsonb_array_length(new.headers -> 'x-pgtq-errors') = 2 then notify second_error; end if;
        return null;
      end $$;
      create trigger tell after update of headers on pgmq.q_in_doubt
        for each row execute function tell()`).simple();
    await using proxy = await deafProxy(database.url);
    // The retry commits; that it did never reaches the worker, whose connections break then.
    await database.sql.listen("second_error", () => proxy.breakAll());
    const sql = postgres(proxy.url, { max: 1, backoff: () => 0.01 });
    setup({ sql });
    // Long enough that the retry is sent again before anybody claims the task.
    const retryDelay = "300ms";
    const onTask = processor(queue, { maxRetries: 2, retryDelay }, (_, { attempt }) => {
      if (attempt === 2) proxy.deafen(); // by now the statement of a retry is prepared
      if (attempt < 3) throw new Error(`no. ${attempt}`);
    });
    const worker = new Worker({
      processors: [onTask],
      lease: "300ms",
      maxCrashes: 1000, // on a busy machine so short a lease runs out time and again
      pollInterval: "20ms",
      pollExceptionInterval: "20ms",
    });
    const completed = next(worker, "completed");
    const running = worker.run();
    await queue.enqueue({});
    assert.equal((await completed).attempt, 3);
    await worker.stop();
    await running;
    await sql.end();
    setup(wayTo(database.url));
    const [task] = await queue.list({ state: "archived" });
    assert.deepEqual(task!.errors, ["Error: no. 1", "Error: no. 2"]);
  });

  it("completes tasks while others can't become dead letters, and buries those when they can", async () => {
    const queue = createQueue<{ n: number }>("no_letters");
    await queue.create();
    const onTask = processor(queue, ({ n }) => {
      if (n === 1) throw new PermanentError("to be buried");
    });
    const worker = new Worker({ processors: [onTask], pollExceptionInterval: "20ms" });
    const idle = next(worker, "idle");
    const running = worker.run();
    await idle;
    await database.sql`select pgmq.drop_queue('no_letters_dlq')`;
    const trouble = next(worker, "error");
    await queue.enqueue({ n: 1 });
    assert.match(
      String((await trouble).error),
      /Cannot fail tasks of "no_letters".*no_letters_dlq/,
    );
    const completed = next(worker, "completed");
    await queue.enqueue({ n: 2 });
    await completed;
    const dead = next(worker, "dead");
    await queue.create();
    assert.equal((await dead).id, 1);
    await worker.stop();
    await running;
  });

  it("goes on after a restart of the database", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "pgtq-restart-"));
    await chmod(dataDir, 0o755); // for root: the server runs as somebody else
    const first = await startEmbedded({ dataDir });
    setup({ url: first.url });
    await install();
    const queue = createQueue<{ n: number }>("restarted");
    await queue.create();
    const gate = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const onTask = processor(queue, ({ n }) => {
      started.resolve();
      return n === 1 ? gate.promise : undefined;
    });
    const worker = new Worker({ processors: [onTask], pollExceptionInterval: "50ms" });
    const running = worker.run();
    await queue.enqueue({ n: 1 });
    await started.promise;
    await first.stop();
    // The result of the running task comes while there is no database to take it.
    const trouble = next(worker, "error");
    gate.resolve();
    await trouble;
    const completed = next(worker, "completed");
    const second = await startEmbedded({ dataDir, port: Number(new URL(first.url).port) });
    assert.deepEqual((await completed).id, 1);
    const again = next(worker, "completed");
    await queue.enqueue({ n: 2 });
    assert.equal((await again).id, 2);
    await worker.stop();
    await running;
    await second.stop();
    setup(wayTo(database.url));
    await rm(dataDir, { recursive: true, force: true });
  });
});

/** A proxy in front of a database that can stop passing on what the database says. */
async function deafProxy(url: string) {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let deaf = false;
  const server = createServer((client) => {
    const upstream = createConnection(Number(target.port), target.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (client.destroy(), upstream.destroy(), sockets.delete(socket)));
    }
    client.on("data", (data) => upstream.write(data));
    upstream.on("data", (data) => deaf || client.write(data));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const own = new URL(url);
  own.port = String((server.address() as AddressInfo).port);
  const breakAll = () => {
    deaf = false;
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: own.href,
    deafen: () => void (deaf = true),
    breakAll,
    async [Symbol.asyncDispose]() {
      breakAll();
      server.close();
      await once(server, "close");
    },
  };
}
