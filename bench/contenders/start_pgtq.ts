/**
 * Starts the command line's worker on a queue with one task. The archive tells when that is done, by
 * a notification of the commit that brings it there.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { close, setup } from "../../mod.ts";
import { connection } from "../../src/db/connection.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { ownCommand } from "../_support/runtimes.ts";
import { queue } from "./start_tasks.ts";

const [command, ...parameters] = [
  ...ownCommand(fileURLToPath(new URL("../../cli.ts", import.meta.url))),
  "worker",
  fileURLToPath(new URL("start_tasks.ts", import.meta.url)),
];
const channel = "bench_start";

setup({ url: databaseUrl() });
let worker: ChildProcess;
let ended: Promise<unknown>;
let done = Promise.withResolvers<void>();

/** Has the queue's archive notify us. */
async function watch(): Promise<void> {
  const { archive } = queue.definition.tables;
  await connection().unsafe(
    `create or replace function ${channel}() returns trigger language plpgsql as
      $$ begin perform pg_notify('${channel}', ''); return null; end $$;
    create trigger ${channel} after insert on ${archive} for each row execute function ${channel}()`,
  );
  await connection().listen(channel, () => done.resolve());
}

await contend({
  async prepare() {
    await queue.drop();
    await queue.create();
    await watch();
    await queue.enqueue({});
    done = Promise.withResolvers();
  },
  async run() {
    const start = performance.now();
    worker = spawn(command!, [...parameters, "--database-url", databaseUrl()], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    worker.stderr!.on("data", (data) => errors += data);
    ended = new Promise((resolve) => worker.on("close", resolve));
    const failed = ended.then(() => Promise.reject(new Error(`The worker has ended: ${errors}`)));
    failed.catch(() => {});
    await Promise.race([done.promise, failed]);
    return { start: performance.now() - start };
  },
  async finish() {
    worker.kill("SIGTERM");
    await ended;
    await close();
  },
});
