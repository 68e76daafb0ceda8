/**
 * Checks the options users pass, so that a typo is an error and not a silent default.
 *
 * @module
 */

import * as v from "valibot";
import { type Duration, durationHint, parseDuration, shown } from "./duration.ts";

/** A duration, parsed to milliseconds. */
export const duration = v.pipe(
  v.custom<Duration>((value) => parseDuration(value) !== undefined, durationHint),
  v.transform((value) => parseDuration(value)!),
);

/** A duration above zero, parsed to milliseconds. */
export const interval = v.pipe(duration, v.gtValue(0, "a duration above zero"));

/** A whole number of at least `least`. */
export function count(least: number) {
  const what = `a whole number of at least ${least}`;
  return v.pipe(v.number(what), v.safeInteger(what), v.minValue(least, what));
}

/** A switch. */
export const yesOrNo = v.boolean("true or false");

const aField = "a field of the task";

/** The name of a field of the task. */
export const field = v.pipe(v.string(aField), v.nonEmpty(aField));

/** A function. */
export const callable = v.function("a function");

/**
 * Parses `options`; `where` says whose they are.
 *
 * @throws {TypeError} naming the option, what was expected, and the value
 */
export function parseOptions<Schema extends v.GenericSchema>(
  schema: Schema,
  options: unknown,
  where: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, options, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const option = v.getDotPath(issue);
  throw new TypeError(option === null ? wrongShape(where, options) : line(issue, option, where));
}

function line(issue: v.BaseIssue<unknown>, option: string, where: string): string {
  if (issue.type === "strict_object" && issue.expected === "never") {
    return `Unknown option ${option} of ${where}`;
  }
  return `Wrong option of ${where}: ${option} must be ${issue.message}: ` +
    `current value is ${shown(issue.input)}`;
}

function wrongShape(where: string, options: unknown): string {
  return `The options of ${where} must be an object: current value is ${shown(options)}`;
}
