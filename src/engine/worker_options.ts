/**
 * What can be said about a worker.
 *
 * @module
 */

import * as v from "valibot";
import type { Duration } from "../core/duration.ts";
import { count, interval, parseOptions } from "../core/options.ts";
import { isProcessor, type Processor, type Runnable } from "../processor.ts";
import type { LaneOptions } from "./host.ts";

/** Options of a worker. */
export interface WorkerOptions {
  /** What the worker runs: one processor per queue. */
  processors: Iterable<Processor>;
  /**
   * How many tasks run at once in this worker, shared fairly among its processors.
   *
   * @default 1
   */
  concurrencyLimit?: number;
  /**
   * How often an idle worker looks for tasks, for those that no notification announces: after this
   * time and up to a quarter more, at random.
   *
   * @default 1 (second)
   */
  pollInterval?: Duration;
  /**
   * How long to pause after a database error.
   *
   * @default 5 (seconds)
   */
  pollExceptionInterval?: Duration;
  /**
   * How often archives are pruned; `null` for never.
   *
   * @default "12h"
   */
  pruneInterval?: Duration | null;
  /**
   * Archived rows deleted per statement.
   *
   * @default 1000
   */
  pruneBatchSize?: number;
  /**
   * How long after a crash of this worker its tasks are up for others. Leases of living workers are
   * renewed three times within it, however long a task takes.
   *
   * @default 30 (seconds)
   */
  lease?: Duration;
  /**
   * After this many claims without any result a task is given up as one that crashes workers. It
   * takes two at least: the first may have been that of somebody who just looked.
   *
   * @default 5
   */
  maxCrashes?: number;
  /**
   * When results are written: `"batched"`, those of several tasks at once within milliseconds, while
   * the slots go on to other tasks; or `"each"`, where a slot takes its next task only once the
   * result of the last one is written. That is slower by a round trip per task, and after a crash of
   * the worker at most one finished task per slot is done again.
   *
   * @default "batched"
   */
  settle?: "batched" | "each";
  /**
   * How long a stopping worker lets handlers run before it aborts them.
   *
   * @default 30 (seconds)
   */
  gracePeriod?: Duration;
}

/** Bounds of a run that ends by itself. */
export interface DrainOptions {
  /**
   * Process at most this many tasks.
   *
   * @default no bound
   */
  maxTasks?: number;
  /**
   * Claim nothing more after this time: seconds, or a string with a unit.
   *
   * @default no bound
   */
  maxDuration?: Duration;
}

/** How a run ended. */
export interface DrainResult {
  /** Tasks that were completed. */
  readonly completed: number;
  /** Attempts that failed and will be tried again. */
  readonly retried: number;
  /** Tasks that failed for good. */
  readonly dead: number;
}

/** A worker's options, checked. */
export interface WorkerDefinition extends LaneOptions {
  readonly runnables: readonly Runnable[];
  readonly pruneMs: number | null;
  readonly pruneBatchSize: number;
  readonly graceMs: number;
}

/** However short the lease, a statement gets this long. */
const leastDeadlineMs = 1000;

const workerOptions = v.strictObject({
  processors: v.custom<Iterable<unknown>>(
    (value) => typeof value === "object" && value !== null && Symbol.iterator in value,
    "a list of processors",
  ),
  concurrencyLimit: v.optional(count(1), 1),
  pollInterval: v.optional(interval, 1),
  pollExceptionInterval: v.optional(interval, 5),
  pruneInterval: v.optional(v.nullable(interval), "12h"),
  pruneBatchSize: v.optional(count(1), 1000),
  lease: v.optional(interval, 30),
  maxCrashes: v.optional(count(1), 5),
  settle: v.optional(v.picklist(["batched", "each"]), "batched"),
  gracePeriod: v.optional(interval, 30),
});

/** Checks the options of a worker. */
export function parseWorkerOptions(given: WorkerOptions): WorkerDefinition {
  const options = parseOptions(workerOptions, given, "the worker");
  return {
    runnables: runnablesOf([...options.processors]),
    concurrencyLimit: options.concurrencyLimit,
    pollMs: options.pollInterval,
    pauseMs: options.pollExceptionInterval,
    pruneMs: options.pruneInterval,
    pruneBatchSize: options.pruneBatchSize,
    leaseMs: options.lease,
    deadlineMs: Math.max(leastDeadlineMs, options.lease / 3),
    maxCrashes: options.maxCrashes,
    settleEach: options.settle === "each",
    graceMs: options.gracePeriod,
  };
}

function runnablesOf(processors: readonly unknown[]): Runnable[] {
  const names = new Set<string>();
  for (const processor of processors) {
    if (!isProcessor(processor)) {
      throw new TypeError("The processors of the worker must be made by processor()");
    }
    const { name } = processor.queue;
    if (names.has(name.toLowerCase())) {
      throw new TypeError(`The worker can't run two processors for the queue "${name}"`);
    }
    names.add(name.toLowerCase());
  }
  if (names.size === 0) throw new TypeError("The worker needs at least one processor");
  return processors as unknown as Runnable[];
}
