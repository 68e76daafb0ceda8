/**
 * Which rows of a queue to list, prune or redrive.
 *
 * @module
 */

import * as v from "valibot";
import { count, parseOptions } from "./core/options.ts";

/** Which part of a listing to return. */
export interface Page {
  /**
   * At most this many.
   *
   * @default 100
   */
  limit?: number;
  /**
   * Only ids above this one: the last id of the page before.
   *
   * @default 0
   */
  after?: number;
}

/** Options of `prune`. */
export interface PruneOptions {
  /**
   * Rows deleted per statement.
   *
   * @default 1000
   */
  batchSize?: number;
  /**
   * Stops between two statements.
   *
   * @default never
   */
  signal?: AbortSignal;
}

const page = { limit: v.optional(count(0), 100), after: v.optional(count(0), 0) };
const states = ["queued", "delayed", "processing", "dead", "archived"] as const;
const pageOptions = v.strictObject(page);
const listOptions = v.strictObject({
  ...page,
  state: v.optional(v.picklist(states, `one of ${states.join(", ")}`)),
});
const pruneOptions = v.strictObject({
  batchSize: v.optional(count(1), 1000),
  signal: v.optional(v.instance(AbortSignal, "an AbortSignal")),
});
const redriveOptions = v.strictObject({
  limit: v.optional(v.union([v.literal(Infinity), count(0)], "a whole number"), Infinity),
});

/** Checks which part of a listing to return. */
export function parsePage(where: string, options: unknown) {
  return parseOptions(pageOptions, options, `list of ${where}`);
}

/** Checks the options of `list`. */
export function parseListOptions(name: string, options: unknown) {
  const { state, ...page } = parseOptions(listOptions, options, `list of "${name}"`);
  return { state, ...page };
}

/** Checks the options of `prune`. */
export function parsePruneOptions(name: string, options: unknown) {
  return parseOptions(pruneOptions, options, `prune of "${name}"`);
}

/** Checks the options of `redriveAll`. */
export function parseRedriveOptions(name: string, options: unknown) {
  return parseOptions(redriveOptions, options, `redriveAll of "${name}"`);
}
