/**
 * Runs the tests of workers and keys through pgbouncer in transaction mode, in front of a throwaway
 * Postgres: first with workers that listen on the database itself, then with workers that only poll.
 *
 * `deno run -A scripts/pgbouncer.ts [files]` exits with 0 if all is well, with 1 if a test has
 * failed, and with 2 if there is no pgbouncer.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { startEmbedded } from "../src/embedded.ts";
import { listen } from "../src/embedded/lock.ts";

const files = ["tests/engine", "tests/keys_test.ts", "tests/idempotency_test.ts"];

const modes = [
  ["listening on the database itself", "direct"],
  ["polling alone", "none"],
] as const;

/** There is nothing to run the tests through. */
class Unavailable extends Error {}

async function main(chosen: readonly string[]): Promise<number> {
  await using server = await startEmbedded();
  await using pooler = await startPgbouncer(server.url);
  console.log(`${pooler.version} in transaction mode`);
  let failed = false;
  for (const [title, PGTQ_TEST_POOLER_LISTEN] of modes) {
    console.log(`\nWorkers ${title}\n`);
    const tests = fileURLToPath(new URL("run_tests.ts", import.meta.url));
    const child = spawn(process.execPath, ["run", "-A", tests, "--", ...chosen], {
      stdio: "inherit",
      env: {
        ...process.env,
        PGTQ_TEST_DATABASE_URL: server.url,
        PGTQ_TEST_POOLER_URL: pooler.url,
        PGTQ_TEST_POOLER_LISTEN,
      },
    });
    const [code] = await once(child, "close");
    if (code !== 0) failed = true;
  }
  return failed ? 1 : 0;
}

interface Pooler extends AsyncDisposable {
  readonly url: string;
  /** Such as `PgBouncer 1.18.0`. */
  readonly version: string;
}

/** Starts a pgbouncer on a free port that hands every database of a server on. */
async function startPgbouncer(server: string): Promise<Pooler> {
  const probe = createServer();
  const port = await listen(probe);
  await new Promise((resolve) => probe.close(resolve));
  const folder = await mkdtemp(join(tmpdir(), "pgtq-pgbouncer-"));
  const file = join(folder, "pgbouncer.ini");
  await writeFile(file, configuration(new URL(server), port));
  // It refuses to be root.
  const user = userInfo().uid === 0 ? ["--user", "nobody"] : [];
  const child = spawn("pgbouncer", [...user, file], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  process.once("exit", () => {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true });
  });
  const closed = once(child, "close").catch((cause) => {
    throw new Unavailable("there is no pgbouncer: install it with `apt-get install pgbouncer`", {
      cause,
    });
  });
  const version = await Promise.race([up(child), closed.then(() => undefined)]);
  if (version === undefined) throw new Error("pgbouncer ended before it was up");
  return {
    url: Object.assign(new URL(server), { port: String(port) }).href,
    version,
    async [Symbol.asyncDispose]() {
      child.kill("SIGTERM"); // at once, where SIGINT would wait for clients
      await closed;
    },
  };
}

function configuration({ hostname, port, username }: URL, listenPort: number): string {
  return `
[databases]
* = host=${hostname} port=${port} user=${username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listenPort}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 10
max_client_conn = 500
`;
}

/** Resolves to the version once it takes connections. The log has to be read to its end. */
function up(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    createInterface({ input: child.stderr! }).on("line", (line) => {
      const [, version] = /process up: (PgBouncer [\d.]+)/.exec(line) ?? [];
      if (version) resolve(version);
      if (/FATAL|ERROR/.test(line)) console.error(line);
    });
  });
}

// Without a listener a signal would end this process alone, and not pgbouncer.
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));

try {
  const parameters = process.argv.slice(2);
  process.exitCode = await main(parameters.length > 0 ? parameters : files);
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`Cannot run the tests through a pooler as ${error.message}`);
  process.exitCode = 2;
}
