/**
 * Real work with a result: hashes files and keeps the hashes in a table of our own.
 *
 *     pgtq create hash_files --embedded
 *     pgtq send hash_files '{"path": "README.md"}' --embedded
 *     pgtq worker examples/hash_files.ts --concurrency-limit 10 --embedded
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { readFile } from "node:fs/promises";
import process from "node:process";
import { createQueue, PermanentError, processor } from "@pgtq/pgtq";
import postgres from "postgres";
import * as v from "valibot";

// The worker's command sets DATABASE_URL to the database it works on.
const sql = postgres(process.env.DATABASE_URL ?? "", { idle_timeout: 5, onnotice: () => {} });

export const hashFiles = createQueue("hash_files", {
  input: v.object({ path: v.string() }),
});

export const onFile = processor(hashFiles, { maxRetries: 2, timeout: "10s" }, async (task, ctx) => {
  const bytes = await read(task.path, ctx.signal);
  const hash = Buffer.from(await crypto.subtle.digest("SHA-256", bytes)).toString("hex");
  await (table ??= createTable());
  // A task can be done twice, after a crash for example: writing must not mind.
  await sql`
    insert into file_hashes (path, sha256) values (${task.path}, ${hash})
    on conflict (path) do update set sha256 = excluded.sha256`;
});

/** Made by the first task, so that importing this module touches no database. */
let table: Promise<unknown> | undefined;

async function createTable() {
  await sql`create table if not exists file_hashes (path text primary key, sha256 text not null)`;
}

async function read(path: string, signal: AbortSignal) {
  try {
    return await readFile(path, { signal });
  } catch (error) {
    const gone = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw gone ? new PermanentError(`there is no file ${path}`) : error;
  }
}
