/**
 * Writes the verdicts on tasks of one queue to the database, many in one statement.
 *
 * @module
 */

import { describe, type Verdict } from "../core/verdict.ts";
import { complete, putBack } from "../db/broker.ts";
import { bury } from "../db/dead.ts";
import type { Site } from "../db/site.ts";
import type { QueueDefinition } from "../queue_options.ts";
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

/** Attempts that end within this time share a statement. */
const gatherMs = 1;

/** The most verdicts in one statement. */
const batchSize = 1000;

/** Collects verdicts and writes them, again and again until the database takes them. */
export class Settler {
  readonly #site: Site;
  readonly #definition: QueueDefinition;
  readonly #wakeup = new Wakeup();
  readonly #inDoubt = new WeakSet<Settlement>();
  #waiting: Settlement[] = [];
  #leaving = false;

  /** Settles tasks of the queue at `site`. */
  constructor(site: Site, definition: QueueDefinition) {
    this.#site = site;
    this.#definition = definition;
  }

  /** Hands a verdict over. */
  add(settlement: Settlement): void {
    settlement.held.settling = true;
    this.#waiting.push(settlement);
    this.#wakeup.wake();
  }

  /** From now on other workers are told of tasks that go back, as this one won't take them. */
  leave(): void {
    this.#leaving = true;
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
    const batch = this.#waiting.splice(0, batchSize);
    const writes = await Promise.allSettled([
      this.#write(batch, ["complete"], (settlements) => this.#complete(settlements)),
      this.#write(
        batch,
        ["retry", "snooze", "release"],
        (settlements) => this.#putBack(settlements),
      ),
      this.#write(batch, ["dead"], (settlements) => this.#bury(settlements)),
    ]);
    const failed = writes.find((write) => write.status === "rejected");
    if (failed) throw failed.reason;
    return 0;
  }

  /** One statement for the verdicts of these kinds; if it fails, they wait for the next turn. */
  async #write(
    batch: readonly Settlement[],
    kinds: readonly Verdict["kind"][],
    write: (settlements: readonly Settlement[]) => Promise<Set<number>>,
  ): Promise<void> {
    const settlements = batch.filter(({ verdict }) => kinds.includes(verdict.kind));
    if (settlements.length === 0) return;
    try {
      const applied = await write(settlements);
      for (const settlement of settlements) {
        settlement.done(applied.has(settlement.held.delivery.id) || this.#mustBeOurs(settlement));
      }
    } catch (error) {
      for (const settlement of settlements) this.#inDoubt.add(settlement);
      this.#waiting.unshift(...settlements);
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

  #complete(settlements: readonly Settlement[]): Promise<Set<number>> {
    const receipts = settlements.map(({ held }) => held.delivery);
    return complete(this.#site, receipts, this.#definition.archive !== undefined);
  }

  #putBack(settlements: readonly Settlement[]): Promise<Set<number>> {
    const tasks = settlements.map(({ held: { delivery: { id, deliveries } }, verdict }) => ({
      id,
      deliveries,
      delayMs: "delayMs" in verdict ? verdict.delayMs : 0,
      error: "error" in verdict ? describe(verdict.error) : null,
    }));
    return putBack(this.#site, tasks, { wake: this.#leaving });
  }

  #bury(settlements: readonly Settlement[]): Promise<Set<number>> {
    const tasks = settlements.map(({ held: { delivery: { id, deliveries } }, verdict }) => ({
      id,
      deliveries,
      error: "error" in verdict ? describe(verdict.error) : "",
    }));
    const { letters, archive } = this.#definition;
    return bury(this.#site, tasks, { letters, archive: archive !== undefined });
  }
}
