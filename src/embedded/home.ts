/**
 * The folder that a server lives in: its data, its lock and its users.
 *
 * @module
 */

import { spawn } from "node:child_process";
import {
  access,
  chown,
  constants,
  mkdir,
  mkdtemp,
  realpath,
  rm,
  writeFile,
} from "node:fs/promises";
import type { Socket } from "node:net";
import { platform, tmpdir } from "node:os";
import { join } from "node:path";
import { PgtqError } from "../core/errors.ts";
import { NOBODY, SPAWN, UID } from "./child.ts";

/** A folder to keep or to throw away. */
export interface Home {
  readonly path: string;
  /** Whether the data has to survive a crash of the machine. */
  readonly durable: boolean;
  /** Removes the folder, if it's temporary. */
  remove(): Promise<void>;
}

/** A folder of the user's, made if it isn't there. */
export async function keptHome(dataDir: string): Promise<Home> {
  try {
    await mkdir(dataDir, { recursive: true });
    await access(dataDir, constants.W_OK);
    // Nobody wants a database in a commit.
    await writeFile(join(dataDir, ".gitignore"), "*\n");
    return { path: await realpath(dataDir), durable: true, remove: async () => {} };
  } catch (cause) {
    throw new PgtqError(
      "EMBEDDED_POSTGRES",
      `Cannot keep data in ${dataDir}, choose a folder that you may write to: ${
        cause instanceof Error ? cause.message : cause
      }`,
      { cause },
    );
  }
}

/** A folder that is gone when our process is, however it ends. */
export async function temporaryHome(bin: string): Promise<Home> {
  // Root's own folder for temporary files may be out of reach for "nobody".
  const path = await realpath(await mkdtemp(join(UID === 0 ? "/tmp" : tmpdir(), "pgtq-")));
  if (UID === 0) await chown(path, NOBODY, NOBODY);
  const dismiss = guard(path, bin);
  const remove = async () => {
    await rm(path, { recursive: true, force: true });
    dismiss();
  };
  return { path, durable: false, remove };
}

/**
 * Leaves a shell behind that clears up after us if we don't: it waits for the end of a pipe that
 * only our process holds, which comes with our end, be it by kill -9. Plain `sh` on Linux and macOS;
 * on Windows a killed process leaves its server running.
 */
function guard(path: string, bin: string): () => void {
  if (platform() === "win32") return () => {};
  const script = 'read -r _; "$0" stop -D "$1/data" -m fast; rm -rf "$1"';
  const shell = spawn("sh", ["-c", script, join(bin, "pg_ctl"), path], {
    ...SPAWN,
    stdio: ["pipe", "ignore", "ignore"],
  });
  shell.on("error", () => {});
  shell.unref();
  // Bun's pipe has no `unref`, and needs none.
  (shell.stdin as Partial<Socket>).unref?.();
  return () => shell.kill();
}
