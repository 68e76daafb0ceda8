import assert from "node:assert/strict";
import { createConnection, createServer, type Server, type Socket } from "node:net";
import { describe, it } from "node:test";
import postgres from "postgres";
import { close, createQueue, processor, type Queue, setup, type Sql, Worker } from "../../mod.ts";
import { listen } from "../../src/embedded/lock.ts";
import { next } from "../_support/events.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { named as address, toldTo, untilGone, untilListening } from "../_support/sessions.ts";

const database = fileDatabase();

const named = (name: string) => address(database.url, name);

const workerOn = (queues: readonly Queue[], pollInterval: string, pollExceptionInterval = "20ms") =>
  new Worker({
    processors: queues.map((queue) => processor(queue, () => {})),
    pollInterval,
    pollExceptionInterval,
  });

/** Enqueues a task that only a notification can tell of, and waits until it's done. */
async function heard(worker: Worker, queue: Queue): Promise<void> {
  const completed = next(worker, "completed", (event) => event.queue === queue.name);
  await queue.enqueue({});
  await completed;
}

describe("a worker with a listenUrl", { timeout: 60_000 }, () => {
  const ways: [string, (sql: Sql) => Parameters<typeof setup>[0]][] = [
    ["an address", () => ({ url: named("works"), listenUrl: named("listens") })],
    ["a pool", (sql) => ({ sql, listenUrl: named("listens") })],
  ];
  for (const [what, options] of ways) {
    it(`beside ${what} has one connection there, for all its queues and nothing else`, async () => {
      await using sql = Object.assign(postgres(named("works")), {
        [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }),
      });
      const queues = [await database.newQueue(), await database.newQueue()];
      setup(options(sql));
      const worker = workerOn(queues, "1h");
      const running = worker.run();
      await untilListening(database.sql, "listens");
      for (const queue of queues) await heard(worker, queue);
      const channels = queues.map(({ name }) => `listen "pgmq.q_${name}.INSERT"`);
      assert.deepEqual(await toldTo(database.sql, "listens"), [channels.join("; ")]);
      const told = await toldTo(database.sql, "works");
      assert.ok(told.length > 0 && !told.some((query) => /^\s*listen/i.test(query)), String(told));
      await worker.stop();
      await running;
      await untilGone(database.sql, "listens");
      database.use();
    });
  }

  it("listens anew after that connection is lost, and looks for what it has missed", async () => {
    const queue = await database.newQueue();
    setup({ url: database.url, listenUrl: named("lost") });
    const worker = workerOn([queue], "1h");
    const running = worker.run();
    await untilListening(database.sql, "lost");
    await heard(worker, queue);
    // Nobody is told of this one.
    const completed = next(worker, "completed");
    await database.sql.unsafe(`insert into pgmq.q_${queue.name} (vt, message) values (now(), '1')`);
    await database.sql`
      select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'lost'`;
    await completed;
    await untilListening(database.sql, "lost");
    await heard(worker, queue);
    await worker.stop();
    await running;
    database.use();
  });

  it("hears of inserts by the name of the queue as it was given, too", async () => {
    const queue = createQueue("Capitals");
    await queue.create();
    setup({ url: database.url, listenUrl: named("capitals") });
    const worker = workerOn([queue], "1h");
    const running = worker.run();
    await untilListening(database.sql, "capitals");
    await heard(worker, queue);
    const completed = next(worker, "completed");
    await database.sql`insert into pgmq.q_capitals (vt, message) values (now(), '1')`;
    await database.sql`select pg_notify('pgmq.q_Capitals.INSERT', '')`;
    await completed;
    await worker.stop();
    await running;
    database.use();
  });

  it("works without it while nobody answers there, says so, and listens once somebody does", async () => {
    const queue = await database.newQueue();
    const port = await freePort();
    const listenUrl = Object.assign(new URL(named("late")), { port, password: "secret" }).href;
    setup({ url: database.url, listenUrl });
    const worker = workerOn([queue], "100ms");
    const trouble = next(worker, "error");
    const running = worker.run();
    const { queue: name, error } = await trouble;
    assert.equal(name, undefined);
    assert.match(String(error), /^PgtqError: Cannot listen .* as the database .* can't be reached/);
    assert.doesNotMatch(String(error), /secret/);
    await heard(worker, queue);
    await using _ = await tunnel(Number(port), new URL(database.url));
    await untilListening(database.sql, "late");
    await worker.stop();
    await running;
    database.use();
  });

  it("pauses before it logs in once more where it was refused", async () => {
    const queue = await database.newQueue();
    let logins = 0;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => {
        logins++;
        socket.end(refusal);
      });
    });
    const port = String(await listen(server));
    const listenUrl = Object.assign(new URL(database.url), { port }).href;
    setup({ url: database.url, listenUrl });
    const worker = workerOn([queue], "100ms", "1h");
    const refused = next(worker, "error");
    const running = worker.run();
    assert.match(String((await refused).error), /refuses the login: no/);
    for (let looks = 0; looks < 6; looks++) await next(worker, "idle");
    await worker.stop();
    await running;
    await closed(server);
    assert.equal(logins, 1);
    database.use();
  });

  it("that is no address can't start", async () => {
    const queue = await database.newQueue();
    setup({ url: database.url, listenUrl: "no address" });
    const worker = workerOn([queue], "1h");
    await assert.rejects(worker.run(), { name: "TypeError", message: /^listenUrl is not a URL/ });
    database.use();
  });
});

describe("a worker that is to listen nowhere", { timeout: 60_000 }, () => {
  it("finds tasks by looking, and never listens", async () => {
    const queue = await database.newQueue();
    setup({ url: named("deaf"), listenUrl: null });
    const worker = workerOn([queue], "20ms");
    const looked = next(worker, "idle");
    const running = worker.run();
    await looked;
    await heard(worker, queue);
    const told = await toldTo(database.sql, "deaf");
    assert.ok(told.length > 0 && !told.some((query) => /^\s*listen/i.test(query)), String(told));
    await worker.stop();
    await running;
    await close();
    database.use();
  });
});

/** What a server says to a login: an error with the code 28P01. */
const refusal = (() => {
  const fields = new TextEncoder().encode("SFATAL\0C28P01\0Mno\0\0");
  const message = new Uint8Array(5 + fields.length);
  message[0] = "E".charCodeAt(0);
  new DataView(message.buffer).setInt32(1, 4 + fields.length);
  message.set(fields, 5);
  return message;
})();

async function freePort(): Promise<string> {
  const probe = createServer();
  const port = await listen(probe);
  await closed(probe);
  return String(port);
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Passes on what comes to a port, until it's disposed of. */
async function tunnel(port: number, to: URL): Promise<AsyncDisposable> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(Number(to.port), to.hostname);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => {});
    }
    client.pipe(upstream).pipe(client);
  });
  await listen(server, port);
  return {
    [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      return closed(server);
    },
  };
}
