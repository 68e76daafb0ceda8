import assert from "node:assert/strict";
import { describe, it } from "node:test";
import postgres from "postgres";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import { after as later, now, sleep } from "../../src/engine/clock.ts";
import { loop, Wakeup } from "../../src/engine/wakeup.ts";
import { next } from "../_support/events.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { unheard } from "../_support/pooler.ts";

describe("Wakeup", () => {
  it("waits until it is woken, and keeps a wake-up that comes early", async () => {
    const wakeup = new Wakeup();
    const waiting = wakeup.wait(Infinity);
    wakeup.wake();
    await waiting;
    wakeup.wake();
    await wakeup.wait(Infinity);
  });

  it("waits no longer than it is told, and not at all for nothing", async () => {
    const wakeup = new Wakeup();
    await wakeup.wait(1);
    await wakeup.wait(0);
  });
});

describe("loop", () => {
  it("pauses after errors, longer each time, reports them, and goes on", async () => {
    const controller = new AbortController();
    const [errors, failures]: [unknown[], number[]] = [[], []];
    let turns = 0;
    await loop(() => {
      turns++;
      if (turns === 1 || turns === 2) return Promise.reject(new Error(`turn ${turns}`));
      controller.abort();
      return Promise.resolve(Infinity);
    }, {
      wakeup: new Wakeup(),
      signal: controller.signal,
      onError: (error) => errors.push(String(error)),
      pauseMs: (count) => (failures.push(count), 1),
    });
    assert.deepEqual(errors, ["Error: turn 1", "Error: turn 2"]);
    assert.deepEqual(failures, [1, 2]);
  });
});

describe("clock", () => {
  it("sleeps until the signal, and has no timer left after either end", async () => {
    const controller = new AbortController();
    const sleeping = sleep(1e9, controller.signal);
    controller.abort();
    await sleeping;
    await sleep(1e9, controller.signal);
    await sleep(1, new AbortController().signal);
  });

  it("does not fire a timer of months at once, nor one that was disposed of", async () => {
    let fired = 0;
    {
      using _months = later(2 ** 33, () => fired++);
      using _short = later(1, () => fired++);
    }
    await sleep(5, new AbortController().signal);
    assert.equal(fired, 0);
  });
});

describe("a worker", () => {
  const database = fileDatabase();

  it("is woken by an enqueue, long before its next look", { skip: unheard }, async () => {
    const queue = createQueue("woken");
    await queue.create();
    const worker = new Worker({ processors: [processor(queue, () => {})], pollInterval: "1h" });
    const idle = next(worker, "idle");
    const running = worker.run();
    await idle;
    for (let i = 0; i < 3; i++) {
      const completed = next(worker, "completed");
      await queue.enqueue({ i });
      await completed;
    }
    await worker.stop();
    await running;
  });

  it("is woken by an enqueue in a transaction when that commits", { skip: unheard }, async () => {
    const queue = createQueue("committed");
    await queue.create();
    const worker = new Worker({ processors: [processor(queue, () => {})], pollInterval: "1h" });
    const idle = next(worker, "idle");
    const running = worker.run();
    await idle;
    await next(worker, "idle"); // the look that comes with listening
    // By the time a transaction commits, the earlier task that it has seen may be long gone.
    await database.sql`insert into pgmq.q_committed (vt, message) values (now(), '{}')`;
    const completed = next(worker, "completed", ({ id }) => id === 2);
    assert.equal(await database.sql.begin((sql) => queue.enqueue({}, { sql })), 2);
    await completed;
    await worker.stop();
    await running;
  });

  it(
    "looks when a delay or a retry is due, long before its next look",
    { skip: unheard },
    async () => {
      const queue = createQueue("due");
      await queue.create();
      const onTask = processor(queue, { maxRetries: 1, retryDelay: "120ms" }, (_, { attempt }) => {
        if (attempt === 1) throw new Error("again");
      });
      const worker = new Worker({ processors: [onTask], pollInterval: "1h" });
      const idle = next(worker, "idle");
      const running = worker.run();
      await idle;
      const completed = next(worker, "completed");
      const start = now();
      await queue.enqueue({}, { delay: "150ms" });
      assert.equal((await completed).attempt, 2);
      assert.ok(now() - start >= 265, `${now() - start} ms`); // timers may fire a little early
      await worker.stop();
      await running;
    },
  );

  it("asks at most once per poll interval while idle", async () => {
    const queue = createQueue("quiet");
    await queue.create();
    const claims: number[] = [];
    const sql = postgres(database.url, {
      debug: (_, text) => text.includes("skip locked") && claims.push(now()),
    });
    setup({ sql });
    const worker = new Worker({ processors: [processor(queue, () => {})], pollInterval: "200ms" });
    const running = worker.run();
    while (claims.length < 5) await next(worker, "idle");
    await worker.stop();
    await running;
    await sql.end();
    database.use();
    // The first look may be followed at once by the one that comes with listening.
    const gaps = claims.slice(2).map((time, i) => time - claims[i + 1]!);
    for (const gap of gaps) assert.ok(gap > 190, `${gap} ms`);
  });
});
