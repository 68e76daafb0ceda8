/**
 * Verdicts that one kind of statement writes to the database, many at a time.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import type { Verdict } from "../core/verdict.ts";
import { now, sleep } from "./clock.ts";
import type { Held } from "./lease.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** A verdict on its way to the database. */
export interface Settlement {
  readonly held: Held;
  readonly verdict: Verdict;
  /** How long the attempt took, in milliseconds. */
  readonly durationMs: number;
  /** The attempt's slot waits for this. */
  readonly inSlot?: boolean;
}

/** Writes verdicts; returns the ids of the tasks that were still held. */
export type Write = (settlements: readonly Settlement[]) => Promise<Set<number>>;

/** Attempts that end within this time share a statement. */
const gatherMs = 1;

/** The most verdicts in one statement. */
const batchSize = 1000;

/** What an outbox needs to run. */
export interface OutboxOptions {
  readonly signal: AbortSignal;
  readonly onError: (error: unknown) => void;
  /** Called once for each verdict: whether it holds, or the task was somebody else's by then. */
  readonly onSettled: (settlement: Settlement, applied: boolean) => void;
  /** Called after those of each statement. */
  readonly onWritten?: () => void;
  /** How long to leave a verdict alone that the database doesn't take, in milliseconds. */
  readonly pauseMs: number;
}

/** Keeps verdicts until the database has taken them. */
export class Outbox {
  readonly #write: Write;
  readonly #gather: boolean;
  readonly #wakeup = new Wakeup();
  readonly #inDoubt = new WeakSet<Settlement>();
  readonly #waiting: Settlement[] = [];
  /** Verdicts that failed all alone: the database is there, but doesn't take them. */
  readonly #stuck: Settlement[] = [];
  #retryAt = 0;
  #size = batchSize;

  /** Sends verdicts by `write`, at once or with those that come soon after. */
  constructor(write: Write, { gather }: { gather: boolean } = { gather: true }) {
    this.#write = write;
    this.#gather = gather;
  }

  /** How many verdicts the database doesn't take. */
  get stuck(): number {
    return this.#stuck.length;
  }

  /** Hands a verdict over. */
  add(settlement: Settlement): void {
    this.#waiting.push(settlement);
    this.#wakeup.wake();
  }

  /** Writes until the signal is aborted. Without a database it tries again soon, then less often. */
  async run(options: OutboxOptions): Promise<void> {
    const { signal, onError, pauseMs } = options;
    await loop(() => this.#turn(options), {
      wakeup: this.#wakeup,
      signal,
      onError,
      pauseMs: (failures) => Math.min(50 * 2 ** failures, pauseMs),
    });
  }

  async #turn(options: OutboxOptions): Promise<number> {
    const retry = this.#stuck.length > 0 ? Math.max(0, this.#retryAt - now()) : Infinity;
    if (this.#waiting.length === 0 && retry > 0) return retry;
    if (this.#gather) await sleep(gatherMs, options.signal);
    const batch = retry > 0 ? this.#waiting.splice(0, this.#size) : this.#stuck.splice(0, 1);
    try {
      this.#finish(batch, await this.#write(batch), options);
    } catch (error) {
      this.#keep(batch, error, options);
    }
    return 0;
  }

  #finish(
    batch: readonly Settlement[],
    applied: Set<number>,
    { onSettled, onWritten }: OutboxOptions,
  ): void {
    this.#size = Math.min(2 * this.#size, batchSize);
    this.#waiting.push(...this.#stuck.splice(0)); // what was in their way may be gone
    for (const settlement of batch) {
      const { id } = settlement.held.delivery;
      onSettled(settlement, applied.has(id) || this.#mustBeOurs(settlement));
    }
    onWritten?.();
  }

  /** Halves the batch until a verdict that can't be written stands alone, and blocks no other. */
  #keep(batch: readonly Settlement[], error: unknown, { onError, pauseMs }: OutboxOptions): void {
    for (const settlement of batch) this.#inDoubt.add(settlement);
    const alone = batch.length === 1 && !isUnreachable(error);
    if (!alone) this.#waiting.unshift(...batch);
    if (isUnreachable(error)) throw error;
    this.#size = Math.ceil(batch.length / 2);
    if (alone) {
      this.#stuck.push(...batch);
      this.#retryAt = now() + pauseMs;
    }
    onError(error);
  }

  /**
   * A verdict that was sent before without an answer, and finds nothing to change, was applied back
   * then: while our lease lasts nobody else can have touched the task.
   */
  #mustBeOurs(settlement: Settlement): boolean {
    return this.#inDoubt.has(settlement) && now() < settlement.held.leaseUntil;
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof PgtqError && error.code === "NO_DATABASE";
}
