/**
 * Loops that wait as long as they say, or until something happens.
 *
 * @module
 */

import { after, sleep } from "./clock.ts";

/** One interruptible wait. A wake-up that comes while nobody waits is kept for the next wait. */
export class Wakeup {
  #pending = false;
  #resolve: (() => void) | undefined;

  /** Ends the wait that is on, or the next one at once. */
  wake(): void {
    this.#pending = true;
    this.#resolve?.();
  }

  /** Waits for a time (`Infinity` for no end) or until somebody wakes it. */
  async wait(ms: number): Promise<void> {
    if (!this.#pending && ms > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resolve = resolve;
      using _ = ms === Infinity ? undefined : after(ms, resolve);
      await promise;
      this.#resolve = undefined;
    }
    this.#pending = false;
  }
}

/** What a loop needs besides its body. */
export interface LoopOptions {
  readonly wakeup: Wakeup;
  /** Ends the loop; the turn that is on is finished first. */
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** How long to pause after this many failed turns in a row, in milliseconds. */
  readonly pauseMs: (failures: number) => number;
}

/** Calls `turn` again and again; it returns how long to wait for the next time, in milliseconds. */
export async function loop(turn: () => Promise<number>, options: LoopOptions): Promise<void> {
  const { wakeup, signal, onError, pauseMs } = options;
  const end = () => wakeup.wake();
  signal.addEventListener("abort", end);
  let failures = 0;
  while (!signal.aborted) {
    try {
      await wakeup.wait(await turn());
      failures = 0;
    } catch (error) {
      onError(error);
      await sleep(pauseMs(++failures), signal);
    }
  }
  signal.removeEventListener("abort", end);
}
