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
  readonly outcome: Outcome;
  readonly durationMs: number;
  /** The task is somebody else's: the outcome doesn't matter. */
  readonly lost: boolean;
}

/** Runs attempts of one processor. */
export class Attempts {
  readonly #runnable: Runnable;
  /** In the order of their start. */
  readonly #running = new Map<Receipt, Attempt>();

  /** Prepares to run the handler of this processor. */
  constructor(runnable: Runnable) {
    this.#runnable = runnable;
  }

  /** How many are running. */
  get size(): number {
    return this.#running.size;
  }

  /** Runs the handler on a task. */
  async run(held: Held): Promise<Ended> {
    const attempt = new Attempt();
    this.#running.set(held.delivery, attempt);
    const outcome = await attempt.run(this.#runnable, held);
    this.#running.delete(held.delivery);
    return { outcome, durationMs: now() - attempt.startedAt, lost: attempt.lost };
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
