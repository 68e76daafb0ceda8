/**
 * Who uses a server: one file per user in its folder, named after the user's process.
 *
 * @module
 */

import { randomUUID } from "node:crypto";
import { readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";

const PREFIX = "user-";

/** Signs in one more user of a folder and returns its file. */
export async function signIn(home: string): Promise<string> {
  const file = join(home, `${PREFIX}${process.pid}-${randomUUID()}`);
  await writeFile(file, "");
  return file;
}

/** Signs out a user, and all whose process is gone; resolves to whether nobody is left. */
export async function signOut(home: string, file: string): Promise<boolean> {
  await rm(file, { force: true });
  const users = (await readdir(home)).filter((name) => name.startsWith(PREFIX));
  const gone = users.filter((name) => !alive(parseInt(name.slice(PREFIX.length))));
  for (const name of gone) await rm(join(home, name), { force: true });
  return gone.length === users.length;
}

/** Whether a process lives; one that we may not signal does. */
export function alive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
