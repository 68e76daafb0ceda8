/**
 * How long to wait before the next attempt.
 *
 * @module
 */

import * as v from "valibot";
import { type Duration, milliseconds } from "./duration.ts";
import { duration, parseOptions } from "./options.ts";

/** Computes the delay after the failed attempt with this number; the first attempt is 1. */
export type RetryStrategy = (attempt: number) => Duration;

/** Options of {@linkcode exponential}. */
export interface ExponentialOptions {
  /**
   * What is raised to the power of the attempt, in seconds.
   *
   * @default 2
   */
  base?: number;
  /**
   * No delay is longer than this.
   *
   * @default none
   */
  max?: Duration;
  /**
   * The part of the delay that is left to chance, from 0 (none) to 1 (anything from nothing to the
   * full delay), so that tasks which failed together don't come back together.
   *
   * @default 0
   */
  jitter?: number;
  /**
   * Where chance comes from: a number from 0 to 1.
   *
   * @default Math.random
   */
  random?: () => number;
}

/**
 * Waits the same time before every retry.
 *
 * @throws {TypeError} if `delay` is not a duration
 *
 * @example
 * ```ts
 * import { fixed } from "@pgtq/pgtq";
 *
 * console.assert(fixed("5s")(3) === 5);
 * ```
 */
export function fixed(delay: Duration): RetryStrategy {
  const seconds = milliseconds(delay, "delay") / 1000;
  return () => seconds;
}

/**
 * Waits `delay` before the first retry, twice that before the second, and so on.
 *
 * @throws {TypeError} if `delay` is not a duration
 *
 * @example
 * ```ts
 * import { linear } from "@pgtq/pgtq";
 *
 * console.assert(linear("5s")(3) === 15);
 * ```
 */
export function linear(delay: Duration): RetryStrategy {
  const seconds = milliseconds(delay, "delay") / 1000;
  return (attempt) => seconds * attempt;
}

const fraction = "a number from 0 to 1";
const exponentialOptions = v.strictObject({
  base: v.optional(v.pipe(v.number("a number"), v.minValue(1, "1 or more")), 2),
  max: v.optional(duration, "36500d"),
  jitter: v.optional(
    v.pipe(v.number(fraction), v.minValue(0, fraction), v.maxValue(1, fraction)),
    0,
  ),
  random: v.optional(
    v.custom<() => number>((f) => typeof f === "function", "a function"),
    () => Math.random,
  ),
});

/**
 * Waits `base ** attempt` seconds, at most `max`: 2, 4, 8, … by default.
 *
 * With jitter the delay is spread evenly over its last part, `delay * (1 - jitter * random())`; a
 * jitter of 1 is the "full jitter" of Amazon's "Exponential Backoff And Jitter".
 *
 * @throws {TypeError} if `base` is below 1, `jitter` is not from 0 to 1, or `max` is no duration
 *
 * @example
 * ```ts
 * import { exponential } from "@pgtq/pgtq";
 *
 * const delay = exponential({ max: "1m" });
 * console.assert(delay(1) === 2 && delay(5) === 32 && delay(100) === 60);
 * ```
 */
export function exponential(options: ExponentialOptions = {}): RetryStrategy {
  const { base, max, jitter, random } = parseOptions(exponentialOptions, options, "exponential");
  return (attempt) => Math.min(base ** attempt, max / 1000) * (1 - jitter * random());
}
