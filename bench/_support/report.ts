/**
 * Writes the results kept in `bench/results/` to `bench/README.md`, between
 * `<!-- results -->` and `<!-- /results -->`: the tables can't drift from what was measured.
 *
 * @module
 */

import { readFileSync, writeFileSync } from "node:fs";
import { type Result, saved } from "./result.ts";
import { circumstances, tables } from "./tables.ts";

const readme = new URL("../README.md", import.meta.url);
const place = /(<!-- results -->\n)[^]*(<!-- \/results -->)/;

/** Rewrites the results; returns an exit code. */
export function report(): number {
  const text = readFileSync(readme, "utf8");
  if (!place.test(text)) throw new Error("bench/README.md has no place for the results");
  const results = saved();
  const missed = results.flatMap(({ targets }) => targets).filter(({ met }) => !met).length;
  const parts = results.map(section).join("\n");
  // A function, as the text may hold what `replace` takes for its own signs.
  writeFileSync(readme, text.replace(place, (_, start, end) => `${start}\n${parts}\n${end}`));
  console.log(`${results.length} results, ${missed} targets missed`);
  return 0;
}

function section(result: Result): string {
  const command = `deno task bench ${result.name}`;
  const runtime = result.runtime.split(" ")[0];
  return `### ${result.name}, ${result.runtime}

Claim: ${result.claim}. \`${command}${runtime === "deno" ? "" : ` --runtime ${runtime}`}\`

${wrapped(circumstances(result))}

${tables(result)}
`;
}

/** Breaks lines as the formatter does. */
function wrapped(text: string): string {
  return text.split(" ").reduce((lines, word) => {
    const fits = lines.length - lines.lastIndexOf("\n") + word.length <= 100;
    return `${lines}${fits ? " " : "\n"}${word}`;
  });
}
