/**
 * One run of a handler on one task.
 *
 * @module
 */

import { groupOf, stableId } from "../core/task.ts";
import type { Outcome } from "../core/verdict.ts";
import { handle, type Runnable, type TaskContext } from "../processor.ts";
import { now } from "./clock.ts";
import type { Held } from "./lease.ts";

/** A run of the handler that can be ended from outside, whether the handler listens or not. */
export class Attempt {
  /** When it started, by our own clock. */
  readonly startedAt = now();
  /** Its task was found to be somebody else's. */
  lost = false;
  readonly #ended = Promise.withResolvers<Outcome>();
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  /** Runs the handler; returns its outcome, or that of an abort if it comes first. */
  run(runnable: Runnable, held: Held): Promise<Outcome> {
    handle(runnable, held.delivery.message, this.#context(runnable, held), stableId(held.delivery))
      .then(
        () => this.#ended.resolve({ kind: "returned" }),
        (error) => this.#ended.resolve({ kind: "threw", error }),
      );
    return this.#ended.promise;
  }

  /** Ends the attempt now with this error, and tells the handler by its signal. */
  abort(reason: Error): void {
    // First the outcome, then the signal: what the handler makes of the signal comes too late.
    this.#ended.resolve({ kind: "threw", error: reason });
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  #context({ queue, definition }: Runnable, { delivery, attempt }: Held): TaskContext {
    const { id, headers, enqueuedAt } = delivery;
    const signal = () => this.#signal();
    return {
      id,
      attempt,
      maxAttempts: definition.maxRetries + 1,
      get signal() {
        return signal();
      },
      queue: queue.name,
      group: groupOf(headers),
      headers,
      enqueuedAt,
    };
  }

  /** Made when the handler asks for it: most don't, and it costs as much as all the rest here. */
  #signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }
}
