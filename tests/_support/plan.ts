/**
 * Shows how Postgres carries out the statements that the library really sends.
 *
 * @module
 */

import postgres from "postgres";
import type { Sql } from "../../src/db/connection.ts";

/**
 * Runs `use` on a pool of its own and returns how the statements it sent are planned: once for the
 * parameters at hand and once for any, as a prepared statement is sooner or later.
 */
export async function plansOf(url: string, use: (sql: Sql) => Promise<unknown>): Promise<string[]> {
  const sent: { text: string; parameters: string[] }[] = [];
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    debug: (_, text, parameters) => {
      if (!/^(?:explain|begin|commit)\b/.test(text)) {
        sent.push({ text, parameters: [...parameters] });
      }
    },
  });
  try {
    await use(sql);
    const plans: string[] = [];
    for (const { text, parameters } of [...sent]) {
      const custom = await sql.unsafe(`explain ${text}`, parameters).values();
      // Only Postgres 16 and later have `explain (generic_plan)`.
      await sql.unsafe(`set plan_cache_mode = force_generic_plan; prepare any_values as ${text}`);
      const values = parameters.length > 0 ? `(${parameters.map(() => "null")})` : "";
      const generic = await sql.unsafe(`explain execute any_values${values}`).values();
      await sql`deallocate any_values`;
      plans.push([...custom, ...generic].map(([line]) => line).join("\n"));
    }
    return plans;
  } finally {
    await sql.end({ timeout: 1 });
  }
}
