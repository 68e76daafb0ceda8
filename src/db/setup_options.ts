/**
 * What can be said about the database to connect to.
 *
 * @module
 */

import * as v from "valibot";
import { parseOptions, yesOrNo } from "../core/options.ts";
import type { Sql } from "./connection.ts";

/** Where to connect to, and how: by a pool or else by address. */
export interface Source {
  readonly sql?: Sql | undefined;
  readonly url?: string | undefined;
  readonly listenUrl?: string | null | undefined;
  readonly prepare?: boolean | undefined;
}

const listenUrl = v.optional(v.nullable(v.string("a postgres:// address, or null for nowhere")));

const byPool = v.strictObject({
  sql: v.custom<Sql>((value) => typeof value === "function"),
  url: v.optional(v.string()),
  listenUrl,
  prepare: v.optional(v.undefined("set on the pool itself")),
});

const byAddress = v.strictObject({
  url: v.string(),
  sql: v.optional(v.undefined()),
  listenUrl,
  prepare: v.optional(yesOrNo),
});

/** Checks the options of `setup`. */
export function parseSetup(options: unknown): Source {
  const { url, sql } = Object(options) as { url?: unknown; sql?: unknown };
  if (typeof sql === "function") return parseOptions(byPool, options, "setup");
  if (typeof url === "string") return parseOptions(byAddress, options, "setup");
  throw new TypeError("setup needs { url } or { sql }: a postgres:// address or a pool");
}
