/**
 * What can be said about a processor.
 *
 * @module
 */

import * as v from "valibot";
import { type Duration, shown } from "./core/duration.ts";
import type { NoField } from "./core/idempotency.ts";
import {
  callable,
  count,
  duration,
  field,
  interval,
  parseOptions,
  yesOrNo,
} from "./core/options.ts";
import type { RetryStrategy } from "./core/retry.ts";
import type { RetryPolicy } from "./core/verdict.ts";
import type { Rules } from "./db/flights.ts";

/** An error class, whatever its constructor takes. */
export type ErrorClass = abstract new (...parameters: never[]) => unknown;

/** Options of {@linkcode processor}. */
export interface ProcessorOptions<Field extends string = never> {
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
   * How many tasks of the queue run at once, over all workers of all processes, exactly. All of them
   * have to give the same number.
   *
   * @default no limit
   */
  concurrencyLimit?: number;
  /**
   * One task of a group at a time, over all workers, in the order they were put in: not even a retry
   * is overtaken. Groups don't wait for each other. Tasks without a group are a group, too.
   *
   * @default false
   */
  grouped?: boolean;
  /**
   * The newest task first; with `grouped`, the newest of each group.
   *
   * @default false
   */
  lifo?: boolean;
  /**
   * The field in which the handler finds the task's id as a string: the same for all attempts and
   * redrives, whatever was put there. A task that isn't an object is invalid then. Callers may leave
   * out a field that the schema wants only if the queue has the option, which then holds here, too.
   *
   * @default that of the queue
   */
  idempotencyKey?: Field | NoField<Field, "a string field of the task">;
}

/** A processor's options, checked. */
export interface ProcessorDefinition extends RetryPolicy {
  readonly rules: Rules;
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
  concurrencyLimit: v.optional(v.pipe(count(1), v.transform((n) => Math.min(n, 2 ** 31 - 1)))),
  grouped: v.optional(yesOrNo, false),
  lifo: v.optional(yesOrNo, false),
  idempotencyKey: v.optional(field),
});

/** Checks the options of a processor. */
export function parseProcessorOptions(
  name: string,
  given: object,
  inherited?: string,
): ProcessorDefinition {
  const where = `the processor of "${name}"`;
  const { maxRetries, retryOn, retryDelay, timeout, idempotencyKey, ...rest } = parseOptions(
    processorOptions,
    given,
    where,
  );
  const { grouped, lifo, concurrencyLimit: limit } = rest;
  return {
    rules: { grouped, lifo, limit },
    maxRetries,
    retryOn: decider(retryOn),
    retryDelay: typeof retryDelay === "number"
      ? () => retryDelay / 1000
      : retryDelay as RetryStrategy,
    timeoutMs: timeout,
    idempotencyKey: sole(idempotencyKey, inherited, where),
  };
}

function sole(own: string | undefined, inherited: string | undefined, where: string) {
  if (own === undefined || inherited === undefined || own === inherited) return own ?? inherited;
  throw new TypeError(
    `Wrong option of ${where}: idempotencyKey must be that of the queue, ${shown(inherited)}: ` +
      `current value is ${shown(own)}`,
  );
}

function decider(retryOn: unknown): (error: unknown) => boolean {
  if (!Array.isArray(retryOn)) return retryOn as (error: unknown) => boolean;
  const classes = retryOn as readonly ErrorClass[];
  return (error) => classes.some((type) => error instanceof type);
}
