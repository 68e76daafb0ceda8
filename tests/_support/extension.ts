/**
 * The genuine pgmq as an extension that a server can create.
 *
 * @module
 */

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Sql } from "../../src/db/connection.ts";
import { genuinePgmqFile } from "./genuine_pgmq.ts";

/** Whether a session can name a folder of extensions, by `extension_control_path`. */
export async function serverTakesExtensions(sql: Sql): Promise<boolean> {
  return (await sql`select from pg_settings where name = 'extension_control_path'`).length > 0;
}

/** The files of the genuine extension, and of an old one, where the server can read them. */
export async function extensionFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), "pgtq-extension-"));
  await chmod(path, 0o755);
  await mkdir(join(path, "extension"));
  const write = (name: string, text: string) => writeFile(join(path, "extension", name), text);
  for (const name of ["pgmq.control", "pgmq--1.11.1.sql"]) {
    await write(name, await genuinePgmqFile(name));
  }
  await write("pgmq--1.4.4.sql", "create table pgmq.meta (queue_name text)");
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}
