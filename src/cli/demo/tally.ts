/**
 * What happened in a run of the demo.
 *
 * @module
 */

import { describe } from "../../core/verdict.ts";
import type { Worker } from "../../engine/worker.ts";

/** Counts of a run. */
export interface Tally {
  done: number;
  retried: number;
  bytes: number;
  /** Tasks without a made-up wait, and the seconds until the last of them was done. */
  quick: number;
  quickSeconds: number;
  /** How long handlers ran that returned, in milliseconds. */
  readonly durations: number[];
  /** One text per task that failed for good. */
  readonly dead: string[];
}

/** Counts what a worker does. */
export function tallyOf(worker: Worker): Tally {
  const tally: Tally = {
    done: 0,
    retried: 0,
    bytes: 0,
    quick: 0,
    quickSeconds: 0,
    durations: [],
    dead: [],
  };
  worker.on("completed", ({ durationMs }) => {
    tally.done++;
    tally.durations.push(durationMs);
  });
  worker.on("retried", () => void tally.retried++);
  worker.on("dead", ({ id, attempt, error }) => {
    const attempts = attempt === 1 ? "1 attempt" : `${attempt} attempts`;
    tally.dead.push(`task ${id} after ${attempts}: ${describe(error)}`);
  });
  return tally;
}

/** The value that this part of all values, such as 0.99, doesn't exceed. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? 0;
}
