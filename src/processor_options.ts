/**
 * What can be said about a processor.
 *
 * @module
 */

import * as v from "valibot";
import type { Duration } from "./core/duration.ts";
import { callable, count, duration, interval, parseOptions } from "./core/options.ts";
import type { RetryStrategy } from "./core/retry.ts";
import type { RetryPolicy } from "./core/verdict.ts";
import { refuseUnsupported } from "./queue_options.ts";

/** An error class, whatever its constructor takes. */
export type ErrorClass = abstract new (...parameters: never[]) => unknown;

/** Options of {@linkcode processor}. */
export interface ProcessorOptions<Output> {
  /**
   * How often a failed task is tried again: N retries are N + 1 attempts in all.
   *
   * @default 0
   */
  maxRetries?: number;
  /**
   * Which errors are worth a retry: classes, or a function that says so.
   *
   * @default every error
   */
  retryOn?: readonly ErrorClass[] | ((error: unknown) => boolean);
  /**
   * How long a failed task waits for its next attempt: a duration in seconds or with a unit, or a
   * function of the failed attempt's number, such as `exponential()`.
   *
   * @default 0
   */
  retryDelay?: Duration | RetryStrategy;
  /**
   * How long one attempt may take, in seconds or with a unit. Then the signal is aborted and the
   * attempt has failed, whether the handler listens or not.
   *
   * @default 60
   */
  timeout?: Duration;
  /**
   * The field of the task that receives its id as a string: the same for all attempts and redrives.
   *
   * @default none
   */
  idempotencyKey?: Extract<keyof Output, string>;
}

/** A processor's options, checked. */
export interface ProcessorDefinition extends RetryPolicy {
  readonly timeoutMs: number;
  readonly idempotencyKey: string | undefined;
}

const processorOptions = v.strictObject({
  maxRetries: v.optional(count(0), 0),
  retryOn: v.optional(
    v.union([callable, v.array(callable)], "error classes or a function"),
    () => () => true,
  ),
  retryDelay: v.optional(v.union([duration, callable], "a duration or a function"), 0),
  timeout: v.optional(interval, 60),
  idempotencyKey: v.optional(v.string("a field of the task")),
});

/** Checks the options of a processor. */
export function parseProcessorOptions(name: string, given: object): ProcessorDefinition {
  const where = `the processor of "${name}"`;
  refuseUnsupported(given, ["grouped", "lifo", "concurrencyLimit"], where);
  const { maxRetries, retryOn, retryDelay, timeout, idempotencyKey } = parseOptions(
    processorOptions,
    given,
    where,
  );
  return {
    maxRetries,
    retryOn: decider(retryOn),
    retryDelay: typeof retryDelay === "number"
      ? () => retryDelay / 1000
      : retryDelay as RetryStrategy,
    timeoutMs: timeout,
    idempotencyKey,
  };
}

function decider(retryOn: unknown): (error: unknown) => boolean {
  if (!Array.isArray(retryOn)) return retryOn as (error: unknown) => boolean;
  const classes = retryOn as readonly ErrorClass[];
  return (error) => classes.some((type) => error instanceof type);
}
