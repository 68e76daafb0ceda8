/**
 * How many handlers ran at once.
 *
 * @module
 */

import { type Ends, type Run, until } from "./evidence.ts";

/** An instant at which the number of runs has changed. */
export interface Level {
  readonly at: number;
  readonly running: number;
  /** The run that began; none if one ended. */
  readonly begun: Run | undefined;
}

/** The number of runs at every instant, in order of time. */
export function levels(runs: readonly Run[], ends: Ends): Level[] {
  // A run of no length is one that the log heard of only after its worker's death.
  const lasting = runs.filter((run) => run.start < until(run, ends));
  const steps = lasting.flatMap((run) => [
    { at: run.start, step: 1, begun: run },
    { at: until(run, ends), step: -1, begun: undefined },
  ]);
  steps.sort((a, b) => a.at - b.at || a.step - b.step);
  let running = 0;
  return steps.map(({ at, step, begun }) => ({ at, running: running += step, begun }));
}
