/**
 * The life of a worker as a table.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";

/** Where a worker is in its life. It never runs a second time. */
export type WorkerState = "new" | "starting" | "running" | "stopping" | "stopped";

/** What can follow each state. */
const next: Readonly<Record<WorkerState, readonly WorkerState[]>> = {
  new: ["starting", "stopped"],
  starting: ["running", "stopping", "stopped"],
  running: ["stopping"],
  stopping: ["stopped"],
  stopped: [],
};

/**
 * The state after a step.
 *
 * @throws {PgtqError} `WORKER_STATE` if that step is impossible
 */
export function transition(from: WorkerState, to: WorkerState): WorkerState {
  if (next[from].includes(to)) return to;
  throw new PgtqError("WORKER_STATE", `Cannot go on to ${to} as the worker is ${from}`);
}
