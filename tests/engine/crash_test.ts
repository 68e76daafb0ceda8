import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { processor, type Queue, Worker } from "../../mod.ts";
import { fileDatabase } from "../_support/file_database.ts";
import { next } from "../_support/events.ts";
import { runScript } from "../_support/runtime.ts";

const database = fileDatabase();

const script = fileURLToPath(new URL("../_support/worker_process.ts", import.meta.url));

/** To be ended by `process.kill`: after `child.kill` Deno reports a signal, however it ended. */
interface WorkerProcess {
  readonly child: ChildProcess;
  /** Its exit code and signal. */
  readonly ended: Promise<unknown[]>;
}

function startWorker(queue: Queue, mode: string): WorkerProcess {
  const [command, parameters] = runScript(script, database.url, queue.name, mode);
  const child = spawn(command, parameters, { stdio: ["ignore", "pipe", "inherit"] });
  return { child, ended: once(child, "exit") };
}

/** Waits until a worker process says this; fails if it ends before. */
async function says({ child }: WorkerProcess, event: string): Promise<void> {
  for await (const line of createInterface({ input: child.stdout! })) {
    if (JSON.parse(line).event === event) return;
  }
  throw new Error(`the worker ended without saying ${event}`);
}

describe("a worker process", () => {
  it("that is killed loses nothing: its tasks are back after the lease, whatever their timeout", async () => {
    const queue = await database.newQueue();
    const id = await queue.enqueue({});
    const worker = startWorker(queue, "hang");
    await says(worker, "claimed");
    assert.equal((await queue.stats()).processing, 1);
    process.kill(worker.child.pid!, "SIGKILL");
    await worker.ended;

    const onTask = processor(queue, () => {});
    const successor = new Worker({ processors: [onTask], pollInterval: "50ms" });
    const completed = next(successor, "completed");
    const running = successor.run();
    assert.deepEqual(await completed.then(({ id, attempt }) => ({ id, attempt })), {
      id,
      attempt: 1,
    });
    await successor.stop();
    await running;
  });

  it("that dies of its task again and again ends with a dead letter that says so", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    for (let crash = 1; crash <= 5; crash++) {
      const worker = startWorker(queue, "crash");
      assert.deepEqual(await worker.ended, [null, "SIGKILL"]);
    }
    const onTask = processor(queue, () => {
      throw new Error("must not run");
    });
    const worker = new Worker({ processors: [onTask], pollInterval: "50ms" });
    const dead = next(worker, "dead");
    const running = worker.run();
    await dead;
    await worker.stop();
    await running;
    const [letter] = await queue.dlq.list();
    assert.match(letter!.errors.at(-1)!, /5 deliveries ended without a result: the worker crashed/);
  });

  it("gives a task back on SIGTERM when its handler outlasts the grace period, and exits", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const worker = startWorker(queue, "hang");
    await says(worker, "claimed");
    process.kill(worker.child.pid!, "SIGTERM");
    assert.deepEqual(await worker.ended, [0, null]);
    const [task] = await queue.list();
    assert.equal(task!.state, "queued");
    assert.deepEqual(task!.errors, []);
    assert.equal(task!.headers["x-pgtq-releases"], 1);
  });

  it("exits by itself once it has stopped", async () => {
    const queue = await database.newQueue();
    await queue.enqueue({});
    const worker = startWorker(queue, "quick");
    await says(worker, "completed");
    process.kill(worker.child.pid!, "SIGTERM");
    assert.deepEqual(await worker.ended, [0, null]);
  });
});
