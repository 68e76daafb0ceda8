/**
 * One run of a handler on one task.
 *
 * @module
 */

import { groupOf } from "../core/task.ts";
import type { Outcome } from "../core/verdict.ts";
import { handle, type Runnable, type TaskContext } from "../processor.ts";
import type { Held } from "./lease.ts";

const returned: Outcome = { kind: "returned" };

/** A run of the handler that can be ended from outside, whether the handler listens or not. */
export class Attempt {
  /** When it started, by our own clock. */
  readonly startedAt: number;
  /** Its task was found to be somebody else's. */
  lost = false;
  readonly #onEnd: (outcome: Outcome) => void;
  #ended = false;
  #controller: AbortController | undefined;
  #reason: Error | undefined;

  /** `onEnd` is called once, with the outcome of the handler or of an abort that comes first. */
  constructor(startedAt: number, onEnd: (outcome: Outcome) => void) {
    this.startedAt = startedAt;
    this.#onEnd = onEnd;
  }

  /** Runs the handler. */
  run(runnable: Runnable, held: Held): void {
    const threw = (error: unknown) => this.#end({ kind: "threw", error });
    try {
      const running = handle(runnable, held.delivery, this.#context(runnable, held));
      Promise.resolve(running).then(() => this.#end(returned), threw);
    } catch (error) {
      queueMicrotask(() => threw(error));
    }
  }

  /** Ends the attempt now with this error, and tells the handler by its signal. */
  abort(reason: Error): void {
    // First the outcome, then the signal: what the handler makes of the signal comes too late.
    queueMicrotask(() => this.#end({ kind: "threw", error: reason }));
    this.#reason = reason;
    this.#controller?.abort(reason);
  }

  #end(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onEnd(outcome);
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
