/**
 * Verdicts that one kind of statement writes to the database, many at a time.
 *
 * @module
 */

import type { Verdict } from "../core/verdict.ts";
import { now, sleep } from "./clock.ts";
import type { Held } from "./lease.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** A verdict on its way to the database. */
export interface Settlement {
  readonly held: Held;
  readonly verdict: Verdict;
  /** Called once: whether the verdict holds, or the task was somebody else's by then. */
  readonly done: (applied: boolean) => void;
}

/** Writes verdicts; returns the ids of the tasks that were still held. */
export type Write = (settlements: readonly Settlement[]) => Promise<Set<number>>;

/** Attempts that end within this time share a statement. */
const gatherMs = 1;

/** The most verdicts in one statement. */
const batchSize = 1000;

/** Keeps verdicts until the database has taken them. */
export class Outbox {
  readonly #write: Write;
  readonly #wakeup = new Wakeup();
  readonly #inDoubt = new WeakSet<Settlement>();
  readonly #waiting: Settlement[] = [];
  #size = batchSize;

  /** Sends verdicts by `write`. */
  constructor(write: Write) {
    this.#write = write;
  }

  /** Hands a verdict over. */
  add(settlement: Settlement): void {
    this.#waiting.push(settlement);
    this.#wakeup.wake();
  }

  /** Writes until the signal is aborted. After a failure it tries again soon, then less often. */
  async run(
    signal: AbortSignal,
    onError: (error: unknown) => void,
    pauseMs: number,
  ): Promise<void> {
    await loop(() => this.#turn(signal), {
      wakeup: this.#wakeup,
      signal,
      onError,
      pauseMs: (failures) => Math.min(50 * 2 ** failures, pauseMs),
    });
  }

  async #turn(signal: AbortSignal): Promise<number> {
    if (this.#waiting.length === 0) return Infinity;
    await sleep(gatherMs, signal);
    const batch = this.#waiting.splice(0, this.#size);
    const applied = await this.#send(batch);
    for (const settlement of batch) {
      settlement.done(applied.has(settlement.held.delivery.id) || this.#mustBeOurs(settlement));
    }
    return 0;
  }

  async #send(batch: readonly Settlement[]): Promise<Set<number>> {
    try {
      const applied = await this.#write(batch);
      this.#size = batchSize;
      return applied;
    } catch (error) {
      for (const settlement of batch) this.#inDoubt.add(settlement);
      // Behind the others and, for now, one by one: a verdict that can't be written blocks no other.
      this.#waiting.push(...batch);
      this.#size = 1;
      throw error;
    }
  }

  /**
   * A verdict that was sent before without an answer, and finds nothing to change, was applied back
   * then: while our lease lasts nobody else can have touched the task.
   */
  #mustBeOurs(settlement: Settlement): boolean {
    return this.#inDoubt.has(settlement) && now() < settlement.held.leaseUntil;
  }
}
