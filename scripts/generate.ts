/**
 * Writes `src/db/pgmq_sql.ts` from `sql/pgmq.sql`, as not every runtime can read files.
 *
 * `deno run -A scripts/generate.ts`, or with `--check` to only see whether it is up to date.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";

const source = new URL("../sql/pgmq.sql", import.meta.url);
const target = new URL("../src/db/pgmq_sql.ts", import.meta.url);

const sql = await readFile(source, "utf8");
if (/[`\\]|\$\{/.test(sql)) {
  throw new Error("Cannot embed sql/pgmq.sql as it holds a backtick, a backslash or ${");
}

const module = `/**
 * The text of sql/pgmq.sql. Generated: change that file, then run scripts/generate.ts.
 *
 * @module
 */

/** Our pgmq, for a database that has none. */
export const pgmqSql: string = \`
${sql}\`;
`;

if (!process.argv.includes("--check")) {
  await writeFile(target, module);
} else if (await readFile(target, "utf8").catch(() => "") !== module) {
  console.error("src/db/pgmq_sql.ts is stale: run deno run -A scripts/generate.ts");
  process.exitCode = 1;
}
