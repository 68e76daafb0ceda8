/**
 * Writes `src/db/*_sql.ts` from `sql/*.sql`, as not every runtime can read files.
 *
 * `deno run -A scripts/generate.ts`, or with `--check` to only see whether they are up to date.
 *
 * @module
 */

import { readFile, writeFile } from "node:fs/promises";
import process from "node:process";

/** What the text of each file in `sql/` is for. */
const texts = {
  pgmq: "Our pgmq, for a database that has none.",
  rights: "Gives the roles for producers, workers and observers what they lack, where they exist.",
};

for (const [name, doc] of Object.entries(texts)) {
  const sql = await readFile(new URL(`../sql/${name}.sql`, import.meta.url), "utf8");
  if (/[`\\]|\$\{/.test(sql)) {
    throw new Error(`Cannot embed sql/${name}.sql as it holds a backtick, a backslash or \${`);
  }
  const module = `/**
 * The text of sql/${name}.sql. Generated: change that file, then run scripts/generate.ts.
 *
 * @module
 */

/** ${doc} */
export const ${name}Sql: string = \`
${sql}\`;
`;
  await write(`src/db/${name}_sql.ts`, module);
}

async function write(path: string, text: string): Promise<void> {
  const target = new URL(`../${path}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    await writeFile(target, text);
  } else if (await readFile(target, "utf8").catch(() => "") !== text) {
    console.error(`${path} is stale: run deno run -A scripts/generate.ts`);
    process.exitCode = 1;
  }
}
