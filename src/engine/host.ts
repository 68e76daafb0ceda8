/**
 * What the lanes of a worker have in common.
 *
 * @module
 */

import type { Sql } from "../db/connection.ts";
import type { Emitter } from "./events.ts";
import type { Slots } from "./slots.ts";
import type { Wakeup } from "./wakeup.ts";

/** The parts of a worker's options that concern its lanes. */
export interface LaneOptions {
  /** How many tasks the worker runs at once. */
  readonly concurrencyLimit: number;
  readonly pollMs: number;
  readonly pauseMs: number;
  readonly leaseMs: number;
  /** How long a statement may take. */
  readonly deadlineMs: number;
  readonly maxCrashes: number;
  /** A slot takes its next task only once the result of the last one is written. */
  readonly settleEach: boolean;
}

/** What a lane shares with the worker it belongs to. */
export interface Host {
  /** The worker's own pool. */
  readonly sql: Sql;
  readonly slots: Slots;
  readonly events: Emitter;
  /** Ends the claiming. */
  readonly claiming: AbortSignal;
  /** Ends everything: set once all that is held has been settled, or waiting for it is in vain. */
  readonly working: AbortSignal;
  /** Woken whenever a task has left this worker's hands. */
  readonly changed: Wakeup;
}
