/**
 * Runs the programs of Postgres, as an account that they accept.
 *
 * @module
 */

import { spawn, type SpawnOptions } from "node:child_process";
import { userInfo } from "node:os";
import { PgtqError } from "../core/errors.ts";

/** Who we are; -1 on Windows. */
export const UID = userInfo().uid;

/** The account "nobody", which runs Postgres for root: Postgres itself refuses to be root. */
export const NOBODY = 65534;

/**
 * How every program is spawned: detached, which makes it the head of a process group of its own.
 * The Ctrl-C of a terminal goes to a whole process group, and the server has to live until its
 * users say so.
 */
export const SPAWN: SpawnOptions = {
  detached: true,
  windowsHide: true,
  ...(UID === 0 ? { uid: NOBODY, gid: NOBODY, cwd: "/" } : {}),
};

/** Runs a program to its end; rejects with what it wrote if it fails. */
export function run(program: string, args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...SPAWN, stdio: ["ignore", "ignore", "pipe"] });
    const fail = (reason: string) =>
      reject(new PgtqError("EMBEDDED_POSTGRES", `Cannot run ${program}: ${reason}`));
    let words = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => words += text);
    child.on("error", (error) => fail(error.message));
    child.on("close", (code) => code === 0 ? resolve() : fail(oneLine(words)));
  });
}

/** The lines that a program wrote as one, for an error message. */
export function oneLine(words: string): string {
  return words.trim().split(/\s*\n\s*/).join("; ") || "it ended without a word";
}
