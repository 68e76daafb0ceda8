/**
 * pg_partman, where this machine has it: no npm package brings it along.
 *
 * @module
 */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";

/** What a skipped test says. */
export const withoutPartman = "needs pg_partman: see CONTRIBUTING.md";

/**
 * Creates the extension, if the server has it or, from Postgres 18 on, can be shown where it is: in
 * the folder that `PGTQ_TEST_PARTMAN` names, or where Debian's packages put it.
 */
export async function createPartman(url: string): Promise<boolean> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    const folder = await partmanFolder();
    const [settable] = await sql`select from pg_settings where name = 'extension_control_path'`;
    if (folder && settable) {
      await sql`select set_config('extension_control_path', ${folder}, false)`;
    }
    const [there] = await sql`select from pg_available_extensions where name = 'pg_partman'`;
    if (there) {
      await sql.unsafe("create schema partman; create extension pg_partman schema partman");
    }
    return there !== undefined;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

async function partmanFolder(): Promise<string | undefined> {
  const debian = "/usr/share/postgresql";
  const majors = await readdir(debian).catch(() => []);
  const folders = [process.env.PGTQ_TEST_PARTMAN, ...majors.map((major) => join(debian, major))];
  for (const folder of folders.filter((folder) => folder !== undefined)) {
    const control = join(folder, "extension", "pg_partman.control");
    if (await stat(control).then(() => true, () => false)) return folder;
  }
  return undefined;
}
