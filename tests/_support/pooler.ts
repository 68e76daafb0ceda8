/**
 * The way of the library to a test's database: direct, or through the pooler of
 * `scripts/pgbouncer.ts`. The tests themselves always look at the database directly.
 *
 * @module
 */

import process from "node:process";
import type { Duration, SetupOptions } from "../../mod.ts";

const pooler = process.env.PGTQ_TEST_POOLER_URL;
const deaf = process.env.PGTQ_TEST_POOLER_LISTEN === "none";

/** For `skip`: a reason where workers hear of nothing and only look once per poll interval. */
export const unheard: string | false = pooler !== undefined && deaf && "workers don't listen here";

/** A poll interval by which nothing happens in a test, where workers hear of what they have to. */
export const farOff: Duration = unheard ? "20ms" : "1h";

/** How to set the library up for the database at this address. */
export function wayTo(url: string): SetupOptions {
  if (pooler === undefined) return { url };
  const pooled = Object.assign(new URL(pooler), { pathname: new URL(url).pathname });
  return { url: pooled.href, listenUrl: deaf ? null : url, prepare: false };
}

/** Whether the library goes through the pooler. */
export const pooled: boolean = pooler !== undefined;
