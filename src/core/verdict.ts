/**
 * What becomes of a task after an attempt: a pure decision, carried out elsewhere.
 *
 * @module
 */

import { type Duration, milliseconds, shown } from "./duration.ts";
import type { RetryStrategy } from "./retry.ts";

/** Marks what handlers throw: a module may import another copy of the library than the worker. */
const brand = Symbol.for("pgtq.verdict");

/**
 * Thrown by a handler: no retry can help, the task goes to the dead letters at once.
 *
 * @example Give up on a customer who is gone
 * ```ts
 * import { PermanentError } from "@pgtq/pgtq";
 *
 * function customer(id: number): never {
 *   throw new PermanentError(`customer ${id} was deleted`);
 * }
 * try {
 *   customer(1);
 * } catch (error) {
 *   console.assert(error instanceof PermanentError);
 * }
 * ```
 */
export class PermanentError extends Error {
  override readonly name: string = "PermanentError";

  /** Creates the error that ends all attempts. */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    Object.defineProperty(this, brand, { value: "permanent" });
  }
}

/**
 * Thrown by a handler: not now, again after `delay`. This uses up no attempt.
 *
 * @throws {TypeError} if `delay` is not a duration
 *
 * @example Wait for office hours
 * ```ts
 * import { SnoozeError } from "@pgtq/pgtq";
 *
 * const notNow = new SnoozeError("15m");
 * console.assert(notNow.delayMs === 900_000);
 * ```
 */
export class SnoozeError extends Error {
  override readonly name: string = "SnoozeError";
  /** The delay in milliseconds. */
  readonly delayMs: number;

  /** Creates the error that puts the task off by `delay`: seconds, or a string with a unit. */
  constructor(delay: Duration) {
    super(`snoozed for ${shown(delay)}`);
    this.delayMs = milliseconds(delay, "the delay of SnoozeError");
    Object.defineProperty(this, brand, { value: "snooze" });
  }
}

/** The task doesn't fit its queue's schema: as permanent as an error can be. */
export class InvalidTaskError extends PermanentError {
  override readonly name: string = "InvalidTaskError";
}

/** The reason a worker's stop gives to handlers that outlived the grace period. */
export class StoppedError extends Error {
  override readonly name: string = "StoppedError";
}

/** The parts of a processor's options that decide over a failed attempt. */
export interface RetryPolicy {
  readonly maxRetries: number;
  readonly retryOn: (error: unknown) => boolean;
  readonly retryDelay: RetryStrategy;
}

/** How an attempt ended. */
export type Outcome =
  | { readonly kind: "returned" }
  | { readonly kind: "threw"; readonly error: unknown };

/** What to do with the task. Every kind but `complete` and `dead` puts it back into the queue. */
export type Verdict =
  | { readonly kind: "complete" }
  | { readonly kind: "release" }
  | { readonly kind: "snooze"; readonly delayMs: number }
  | { readonly kind: "retry"; readonly delayMs: number; readonly error: unknown }
  | { readonly kind: "dead"; readonly error: unknown };

/** Decides what becomes of a task after its attempt with this number; the first one is 1. */
export function verdict(outcome: Outcome, attempt: number, policy: RetryPolicy): Verdict {
  try {
    return judge(outcome, attempt, policy);
  } catch (fault) {
    // Handlers can throw things that not even `instanceof` can be asked about.
    return { kind: "dead", error: fault };
  }
}

function judge(outcome: Outcome, attempt: number, policy: RetryPolicy): Verdict {
  if (outcome.kind === "returned") return { kind: "complete" };
  const { error } = outcome;
  if (error instanceof StoppedError) return { kind: "release" };
  const mark = markOf(error);
  if (mark === "snooze") return snooze(error as SnoozeError);
  if (mark === "permanent" || attempt > policy.maxRetries) return { kind: "dead", error };
  return retry(error, attempt, policy);
}

/** The end of a task that has been delivered this often without any result. */
export function givenUp(crashes: number): Verdict {
  const text = `${crashes} deliveries ended without a result: the worker crashed or lost its lease`;
  return { kind: "dead", error: new PermanentError(text) };
}

function snooze({ delayMs }: SnoozeError): Verdict {
  return { kind: "snooze", delayMs: milliseconds(delayMs / 1000, "the delay of SnoozeError") };
}

function markOf(error: unknown): unknown {
  return error instanceof Error ? (error as { [brand]?: unknown })[brand] : undefined;
}

/** `retryOn` and `retryDelay` are the user's code: when they fail, that is the end of the task. */
function retry(error: unknown, attempt: number, policy: RetryPolicy): Verdict {
  try {
    const again: unknown = policy.retryOn(error);
    if (typeof again !== "boolean") {
      throw new TypeError(`retryOn must return a boolean: it returned ${shown(again)}`);
    }
    if (!again) return { kind: "dead", error };
    const delayMs = milliseconds(policy.retryDelay(attempt), "the result of retryDelay");
    return { kind: "retry", delayMs, error };
  } catch (fault) {
    const text = `${describe(error)}; no retry, as ${describe(fault)}`;
    return { kind: "dead", error: new PermanentError(text, { cause: fault }) };
  }
}

/** An error as one text of bounded length, without its stack: what is kept with the task. */
export function describe(error: unknown): string {
  return textOf(error).slice(0, maxErrorLength).replaceAll("\0", "\uFFFD").toWellFormed();
}

/** Handlers may throw what has no text; that must not keep the result from being written. */
function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return `an unprintable ${typeof error}`;
  }
}

/** Long enough for any message worth reading; a page of HTML in an error isn't. */
const maxErrorLength = 1000;
