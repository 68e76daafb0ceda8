/**
 * How fast a processor's handler is, and how many tasks are worth claiming ahead of it.
 *
 * @module
 */

/** Tasks claimed ahead start within this time; a handler slower than it gets none. */
const horizonMs = 100;

/** The weight of the newest handler run in the running mean. */
const weight = 0.1;

/** The running mean of a handler's run times. */
export class Pace {
  #meanMs: number | undefined;

  /** Takes the run time of one attempt into account. */
  observe(durationMs: number): void {
    const mean = this.#meanMs ?? durationMs;
    this.#meanMs = mean + weight * (durationMs - mean);
  }

  /** Forgets everything: what was claimed ahead didn't start in time. */
  reset(): void {
    this.#meanMs = undefined;
  }

  /** How many tasks `slots` slots are going to start within the horizon. */
  ahead(slots: number): number {
    const mean = this.#meanMs;
    if (mean === undefined || mean > horizonMs) return 0;
    return Math.floor(slots * horizonMs / Math.max(mean, 0.01));
  }
}
