/**
 * One run of a handler on one task, with its time limit.
 *
 * @module
 */

import { attemptOf, type Delivery, groupOf, stableId } from "../core/task.ts";
import type { Outcome } from "../core/verdict.ts";
import { handle, type Runnable } from "../processor.ts";
import { after } from "./clock.ts";

/** A run of the handler that can be ended from outside, whether the handler listens or not. */
export class Attempt {
  readonly #runnable: Runnable;
  readonly #delivery: Delivery;
  readonly #controller = new AbortController();
  readonly #ended = Promise.withResolvers<Outcome>();

  /** Prepares an attempt; nothing runs yet. */
  constructor(runnable: Runnable, delivery: Delivery) {
    this.#runnable = runnable;
    this.#delivery = delivery;
  }

  /** Ends the attempt now with this error, and tells the handler by its signal. */
  abort(reason: Error): void {
    // First the outcome, then the signal: what the handler makes of the signal comes too late.
    this.#ended.resolve({ kind: "threw", error: reason });
    this.#controller.abort(reason);
  }

  /** Runs the handler; returns its outcome, or that of the timeout or an abort if one comes first. */
  async run(): Promise<Outcome> {
    const { timeoutMs } = this.#runnable.definition;
    using _ = after(timeoutMs, () => {
      const text = `the attempt took longer than its timeout of ${timeoutMs / 1000} s`;
      this.abort(new DOMException(text, "TimeoutError"));
    });
    return await Promise.race([this.#handle(), this.#ended.promise]);
  }

  async #handle(): Promise<Outcome> {
    const { queue, definition } = this.#runnable;
    const { id, message, headers, enqueuedAt } = this.#delivery;
    try {
      await handle(this.#runnable, message, {
        id,
        attempt: attemptOf(this.#delivery),
        maxAttempts: definition.maxRetries + 1,
        signal: this.#controller.signal,
        queue: queue.name,
        group: groupOf(headers),
        headers,
        enqueuedAt,
      }, stableId(this.#delivery));
      return { kind: "returned" };
    } catch (error) {
      return { kind: "threw", error };
    }
  }
}
