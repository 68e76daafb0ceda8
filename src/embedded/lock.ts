/**
 * One process at a time: a lock file that outlives nobody, and waiting for it without polling.
 *
 * @module
 */

import { link, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import process from "node:process";
import { alive } from "./users.ts";

/**
 * Runs `work` while holding the lock file at `path`.
 *
 * The file names its holder's process and a port that the holder listens on. Whoever finds the lock
 * taken connects to that port and waits for the connection to end, which the kernel sees to even
 * after a kill -9.
 */
export async function locked<T>(path: string, work: () => Promise<T>): Promise<T> {
  const waiting = new Set<Socket>();
  const gate = createServer((socket) => waiting.add(socket.on("error", () => {})));
  const port = await listen(gate);
  try {
    while (!(await claim(path, `${process.pid} ${port}`))) await released(path);
    try {
      return await work();
    } finally {
      await rm(path, { force: true });
    }
  } finally {
    gate.close();
    for (const socket of waiting) socket.destroy();
  }
}

/** Listens on a port of this machine, by default a free one, and says which. */
export function listen(server: Server, port = 0): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

/** Creates the file with its content in one step, which only `link` does: false if there is one. */
async function claim(path: string, content: string): Promise<boolean> {
  const draft = `${path}-${content.replace(" ", "-")}`;
  await writeFile(draft, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

/**
 * Waits for the holder to let go, and removes the lock of a dead one. Two that remove it in the
 * same instant might both get in: then Postgres' own lock on its data still lets in only one.
 */
async function released(path: string): Promise<void> {
  const holder = await holderOf(path);
  const [pid, port] = holder.split(" ").map(Number);
  if (pid && port && alive(pid) && await closed(port)) return;
  if (holder !== "" && holder === await holderOf(path)) await rm(path, { force: true });
}

function holderOf(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

/** Resolves when a connection to the port ends: false if there never was one. */
function closed(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let connected = false;
    connect(port, "127.0.0.1")
      .on("connect", () => connected = true)
      .on("error", () => {})
      .on("close", () => resolve(connected))
      .resume();
  });
}
