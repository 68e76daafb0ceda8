/**
 * What comes into a lane: when to claim, how much, and what it means if nothing comes.
 *
 * @module
 */

import type { Delivery } from "../core/task.ts";
import type { Claim } from "../db/claim.ts";
import { wakeWorkers } from "../db/settle.ts";
import type { Site } from "../db/site.ts";
import { staleMs } from "./backlog.ts";
import type { Claimer } from "./claimer.ts";
import { now } from "./clock.ts";
import type { Host, LaneOptions } from "./host.ts";
import { maxClaim, type Tenant } from "./slots.ts";
import { loop, Wakeup } from "./wakeup.ts";

/**
 * After its last find a lane looks again soon: a producer that saw earlier tasks has not notified,
 * and its own task may have become visible only after our look.
 */
const lookAgainMs = 50;

/** What an intake needs to know of its lane, and tells it. */
export interface Basin extends Tenant {
  readonly site: Site;
  /** How many tasks of the queue are in this worker's hands, or may be by the next answer. */
  readonly held: number;
  /** How many verdicts the database doesn't take. */
  readonly stuck: number;
  /** Takes a task whose claim was sent at this time. */
  take(delivery: Delivery, sentAt: number): void;
  /** Gives back what has waited for too long. */
  giveBackStale(): void;
  /** Nothing is due, and nothing held. */
  rest(): void;
}

/** Claims for one lane. */
export class Intake {
  readonly #lane: Basin;
  readonly #claimer: Claimer;
  readonly #options: LaneOptions;
  readonly #host: Host;
  readonly #first = new Wakeup();
  readonly #second = new Wakeup();
  /** There may be tasks to claim, as far as is known. */
  hungry = true;
  /** How many tasks the claims under way may bring. */
  asked = 0;
  /** The last look has found as much as it asked for. */
  #plenty = false;
  /** When a look was sent that found nothing while nothing was held; `NaN` if that is not so. */
  emptyAt = NaN;
  /** How many tasks were settled that others may have been waiting for, with none claimed instead. */
  #freed = 0;

  /** Prepares to claim for a lane. */
  constructor(lane: Basin, claimer: Claimer, options: LaneOptions, host: Host) {
    this.#lane = lane;
    this.#claimer = claimer;
    this.#options = options;
    this.#host = host;
  }

  /** There may be something to claim. */
  wake(): void {
    this.#claimer.stir();
    this.#first.wake();
    this.#second.wake();
  }

  /** A task was settled; returns whether that may let another one run. */
  free(): boolean {
    if (this.#claimer.strict) this.#freed++;
    return this.#freed > 0;
  }

  /** Claims until the host's signal. */
  async run(onError: (error: unknown) => void): Promise<void> {
    const how = {
      signal: this.#host.claiming,
      pauseMs: () => this.#options.pauseMs,
      onError: (error: unknown) => {
        this.#host.slots.offer(); // to the lanes that got none because of the failed claim
        onError(error);
      },
    };
    await Promise.all([
      loop(() => this.#turn(), { ...how, wakeup: this.#first }),
      loop(() => this.#assist(), { ...how, wakeup: this.#second }),
    ]);
  }

  /** Leaves to other workers what results make room for from now on, until all are written. */
  async leave(onError: (error: unknown) => void): Promise<void> {
    const pauseMs = () => this.#options.pauseMs;
    const signal = this.#host.working;
    await loop(() => this.#pass(), { wakeup: this.#first, signal, onError, pauseMs });
    await this.#pass().catch(onError);
  }

  async #turn(): Promise<number> {
    this.#lane.giveBackStale();
    this.hungry = true;
    const limit = this.#grant();
    const wait = limit > 0 ? await this.#look(limit) : await this.#pass();
    if (this.#host.slots.spent) this.#rest(now());
    return this.#lane.buffered > 0 ? Math.min(wait, staleMs) : wait;
  }

  /** Claims; returns how long to wait before the next look. */
  async #look(limit: number): Promise<number> {
    const sentAt = now();
    const freed = this.#freed;
    const { deliveries, more, nextDueMs = Infinity } = await this.#claim(limit, sentAt);
    this.#freed -= more ? Math.min(freed, deliveries.length) : freed;
    this.hungry = this.#plenty = more;
    this.#host.slots.fill();
    this.#host.slots.offer();
    if (this.hungry) return 0;
    if (deliveries.length === 0) this.#rest(sentAt);
    const again = deliveries.length > 0 || freed > 0 ? lookAgainMs : Infinity;
    return Math.min(again, nextDueMs, this.#pollMs());
  }

  /**
   * A second claim beside the first, where handlers use up whole ones: one is carried out while what
   * the other has brought arrives.
   */
  async #assist(): Promise<number> {
    const useful = this.#plenty && this.asked > 0 && !this.#claimer.strict;
    const limit = useful ? this.#grant() : 0;
    if (limit < maxClaim) return Infinity;
    const { more } = await this.#claim(limit, now());
    this.#host.slots.fill();
    this.#host.slots.offer();
    if (!more) this.#first.wake(); // to find out whether that was all
    return more ? 0 : Infinity;
  }

  /** What can't be written now is held: to claim on regardless would pile it up. */
  #grant(): number {
    return this.#host.slots.grant(this.#lane) - this.#lane.stuck;
  }

  /** No slot is free: what our results have made room for is left to the other workers. */
  async #pass(): Promise<number> {
    if (this.#freed > 0 && this.#lane.buffered === 0) {
      await wakeWorkers(this.#lane.site);
      this.#freed = 0;
    }
    return this.#pollMs();
  }

  /** Up to a quarter more: workers that were started together shall not go on asking together. */
  #pollMs(): number {
    return this.#options.pollMs * (1 + Math.random() / 4);
  }

  #rest(lookedAt: number): void {
    if (this.#lane.held > 0) return;
    this.emptyAt = lookedAt;
    this.#lane.rest();
  }

  async #claim(limit: number, sentAt: number): Promise<Claim> {
    this.asked += limit;
    try {
      const claimed = await this.#claimer.claim(limit);
      const { deliveries } = claimed;
      if (deliveries.length > 0) this.emptyAt = NaN;
      this.#host.slots.spend(deliveries.length);
      for (const delivery of deliveries) this.#lane.take(delivery, sentAt);
      return claimed;
    } finally {
      this.asked -= limit;
      this.#host.changed.wake();
    }
  }
}
