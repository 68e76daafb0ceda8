/**
 * Starts and stops the server of a data folder.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PgtqError } from "../core/errors.ts";
import { oneLine, run, SPAWN } from "./child.ts";
import { running } from "./data.ts";
import { listen } from "./lock.ts";

/** What a server is started with. */
export interface Launch {
  readonly bin: string;
  readonly data: string;
  /** The port that it has to be; without one, any that is free. */
  readonly port?: number | undefined;
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

/** A start that is refused for a passing reason is tried again; each try takes some 20 ms. */
const TRIES = 200;

/** A killed server's sessions that still end, or a server that still stops. */
const PASSING = /is still in use|"postmaster\.pid" already exists/;

/** Not a passing reason, unless the port was our own pick and another program was faster. */
const PORT_TAKEN = /could not bind [^:]*: ([^;]*)/;

/** Starts a server and resolves to its port once it takes queries. */
export async function launch(options: Launch): Promise<number> {
  for (let left = TRIES;; left--) {
    const port = options.port ?? await freePort();
    const refusal = await startOn(port, options);
    if (refusal === undefined) return await settled(port, options.data);
    const taken = PORT_TAKEN.exec(refusal);
    const passing = taken ? options.port === undefined : PASSING.test(refusal);
    if (passing && left > 0) continue;
    throw new PgtqError(
      "EMBEDDED_POSTGRES",
      taken
        ? `Cannot start Postgres on port ${port}, choose another or let it pick one: ${taken[1]}`
        : `Cannot start Postgres on ${options.data}: ${refusal}`,
    );
  }
}

/** Postgres logs that it is ready a moment before it writes so where the next user looks. */
async function settled(port: number, data: string): Promise<number> {
  while ((await running(data))?.ready === false);
  return port;
}

/** One try: resolves when the server takes queries, or to its last words. */
async function startOn(port: number, options: Launch): Promise<string | undefined> {
  const args = ["-D", options.data, ...settings(port, options.durable)];
  const child = spawn(join(options.bin, "postgres"), args, {
    ...SPAWN,
    stdio: ["ignore", "ignore", "pipe"],
  });
  const refusal = await readyOrLastWords(child, options.log);
  // From here on the server is no reason for our process to stay.
  child.unref();
  (child.stderr as Socket).unref();
  return refusal;
}

function readyOrLastWords(
  child: ChildProcess,
  log: (line: string) => void,
): Promise<string | undefined> {
  const words: string[] = [];
  return new Promise((resolve, reject) => {
    createInterface({ input: child.stderr as Socket }).on("line", (line) => {
      log(line);
      words.push(line);
      if (words.length > 5) words.shift();
      if (line.includes("ready to accept connections")) resolve(undefined);
    });
    child.on("error", reject);
    child.on("close", () => resolve(oneLine(words.join("\n"))));
  });
}

function settings(port: number, durable: boolean): string[] {
  const all = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    // The path of a socket can't be longer than about 100 bytes, and nobody needs one.
    "unix_socket_directories=",
    "max_connections=200",
    "log_line_prefix=",
    ...(durable ? [] : ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]),
  ];
  return all.flatMap((setting) => ["-c", setting]);
}

async function freePort(): Promise<number> {
  const probe = createServer();
  const port = await listen(probe);
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Stops the server of a data folder, whoever started it, and waits for its end. */
export async function shutDown(bin: string, data: string): Promise<void> {
  await run(join(bin, "pg_ctl"), ["stop", "-D", data, "-m", "fast", "-w"]);
}
