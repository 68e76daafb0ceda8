/**
 * The attempts of one lane that are running, and their time limit.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import type { Receipt } from "../core/task.ts";
import { type Outcome, StoppedError } from "../core/verdict.ts";
import type { Runnable } from "../processor.ts";
import { Attempt } from "./attempt.ts";
import { now } from "./clock.ts";
import type { Held } from "./lease.ts";

/** How an attempt ended, and after how long. */
export interface Ended {
  readonly held: Held;
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** The task is somebody else's: the outcome doesn't matter. */
  readonly lost: boolean;
}

/** Runs attempts of one processor. */
export class Attempts {
  readonly #runnable: Runnable;
  readonly #onEnd: (ended: Ended) => void;
  /** In the order of their start. */
  readonly #running = new Map<Receipt, Attempt>();

  /** Prepares to run the handler of this processor; `onEnd` is called once for each attempt. */
  constructor(runnable: Runnable, onEnd: (ended: Ended) => void) {
    this.#runnable = runnable;
    this.#onEnd = onEnd;
  }

  /** How many are running. */
  get size(): number {
    return this.#running.size;
  }

  /** Runs the handler on a task. */
  start(held: Held, startedAt: number): void {
    const attempt = new Attempt(startedAt, (outcome) => {
      this.#running.delete(held.delivery);
      this.#onEnd({ held, outcome, durationMs: now() - startedAt, lost: attempt.lost });
    });
    this.#running.set(held.delivery, attempt);
    attempt.run(this.#runnable, held);
  }

  /** Ends the attempt on a task that somebody else has now, if there is one. */
  lose({ delivery }: Held): void {
    const attempt = this.#running.get(delivery);
    if (!attempt) return;
    attempt.lost = true;
    const reason = `the lease on task ${delivery.id} was lost: somebody else may be running it`;
    attempt.abort(new PgtqError("LEASE_LOST", reason));
  }

  /** Ends all attempts; their tasks are to go back to the queue. */
  abort(reason: string): void {
    for (const attempt of this.#running.values()) attempt.abort(new StoppedError(reason));
  }

  /**
   * Ends attempts that are over their time limit; returns when to look again, in milliseconds. One
   * timer serves them all: none that starts after this look can be over its limit before the next.
   */
  limit(): number {
    const { timeoutMs } = this.#runnable.definition;
    for (const attempt of this.#running.values()) {
      const left = attempt.startedAt + timeoutMs - now();
      if (left > 0) return left;
      const text = `the attempt took longer than its timeout of ${timeoutMs / 1000} s`;
      attempt.abort(new DOMException(text, "TimeoutError"));
    }
    return timeoutMs;
  }
}
