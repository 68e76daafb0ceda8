/**
 * The way of one queue's tasks through a worker: claim, run, verdict, settle, emit.
 *
 * @module
 */

import { Pace } from "../core/pace.ts";
import { crashesOf, type Delivery } from "../core/task.ts";
import { givenUp, verdict } from "../core/verdict.ts";
import type { Claim } from "../db/claim.ts";
import { wakeWorkers } from "../db/settle.ts";
import type { Site } from "../db/site.ts";
import type { Runnable } from "../processor.ts";
import { Attempts, type Ended } from "./attempts.ts";
import { Backlog, staleMs } from "./backlog.ts";
import { Claimer } from "./claimer.ts";
import { now } from "./clock.ts";
import type { Host, LaneOptions } from "./host.ts";
import { LaneEvents } from "./lane_events.ts";
import { type Held, Leases } from "./lease.ts";
import type { Settlement } from "./outbox.ts";
import { Settler } from "./settler.ts";
import type { Tenant } from "./slots.ts";
import { upkeep } from "./upkeep.ts";
import { loop, Wakeup } from "./wakeup.ts";

/**
 * After its last find a lane looks again soon: a producer that saw earlier tasks has not notified,
 * and its own task may have become visible only after our look.
 */
const lookAgainMs = 50;

/** One queue's part of a worker. */
export class Lane implements Tenant {
  readonly site: Site;
  readonly seats: number;
  readonly #runnable: Runnable;
  readonly #options: LaneOptions;
  readonly #host: Host;
  readonly #wakeup = new Wakeup();
  readonly #pace = new Pace();
  readonly #events: LaneEvents;
  readonly #claimer: Claimer;
  readonly #leases: Leases;
  readonly #attempts: Attempts;
  readonly #settler: Settler;
  readonly #backlog = new Backlog();
  readonly #onError = (error: unknown) => this.#events.error(error);
  hungry = true;
  asked = 0;
  /** When a look was sent that found nothing while nothing was held; `NaN` if that is not so. */
  emptyAt = NaN;
  /** How many tasks were settled that others may have been waiting for, with none claimed instead. */
  #freed = 0;
  /** How many slots are taken by attempts that are over, until the result is written. */
  #unsettled = 0;
  /** When the last result was written. */
  settledAt = -Infinity;

  /** Prepares the lane of a processor whose queue is at `site`. */
  constructor(runnable: Runnable, site: Site, options: LaneOptions, host: Host) {
    this.site = site;
    this.#runnable = runnable;
    this.#options = options;
    this.#host = host;
    this.#events = new LaneEvents(host.events, runnable.queue.name);
    const { rules } = runnable.definition;
    const told = { onChange: () => this.wake(), onError: this.#onError };
    this.seats = rules.limit ?? Infinity;
    this.#claimer = new Claimer(site, { ...options, ...host, ...told, rules });
    this.#leases = new Leases(site, options.leaseMs, (held) => this.#lose(held));
    this.#attempts = new Attempts(runnable, (ended) => this.#judge(ended));
    this.#settler = new Settler(site, runnable.queue.definition, { ...options, ...host });
    host.slots.add(this);
  }

  get running(): number {
    return this.#attempts.size + this.#unsettled;
  }

  get buffered(): number {
    return this.#backlog.size;
  }

  /** How many tasks of the queue are in this worker's hands, or may be by the next answer. */
  get held(): number {
    return this.#leases.size + this.asked;
  }

  ahead(slots: number): number {
    return this.#pace.ahead(slots);
  }

  wake(): void {
    this.#claimer.stir();
    this.#wakeup.wake();
  }

  /** Runs until the host's signals end first the claiming, then the rest. */
  async run(): Promise<void> {
    await using claimer = this.#claimer;
    const { claiming: signal, working } = this.#host;
    const [onError, onSettled] = [this.#onError, this.#onSettled];
    const charges = { settler: this.#settler, leases: this.#leases, attempts: this.#attempts };
    const told = { onError, onSettled };
    const keeping = upkeep({ ...charges, claimer }, this.#host, this.#options, told);
    const claiming = { wakeup: this.#wakeup, signal, pauseMs: () => this.#options.pauseMs };
    await loop(() => this.#turn(), {
      ...claiming,
      onError: (error) => {
        this.#host.slots.offer(); // to the lanes that got none because of the failed claim
        onError(error);
      },
    });
    this.#giveBack(this.#backlog.takeAll());
    // What was sent before the stop and is answered after it has told nobody.
    const telling = loop(() => this.#pass(), { ...claiming, signal: working, onError });
    await Promise.all([keeping, telling]);
    await this.#pass().catch(onError);
  }

  /** Ends all attempts that are still running; their tasks go back to the queue. */
  abort(reason: string): void {
    this.#attempts.abort(reason);
  }

  async #turn(): Promise<number> {
    this.#giveBackStale();
    this.hungry = true;
    // What can't be written now is held: to claim on regardless would pile it up.
    const limit = this.#host.slots.grant(this) - this.#settler.stuck;
    const wait = limit > 0 ? await this.#look(limit) : await this.#pass();
    if (this.#host.slots.spent) this.#rest(now());
    return this.#backlog.size > 0 ? Math.min(wait, staleMs) : wait;
  }

  /** Claims; returns how long to wait before the next look. */
  async #look(limit: number): Promise<number> {
    const sentAt = now();
    const freed = this.#freed;
    const { deliveries, more, nextDueMs = Infinity } = await this.#claim(limit, sentAt);
    this.#freed -= more ? Math.min(freed, deliveries.length) : freed;
    this.hungry = more;
    this.#host.slots.fill();
    this.#host.slots.offer();
    if (this.hungry) return 0;
    if (deliveries.length === 0) this.#rest(sentAt);
    const again = deliveries.length > 0 || freed > 0 ? lookAgainMs : Infinity;
    return Math.min(again, nextDueMs, this.#options.pollMs);
  }

  /** No slot is free: what our results have made room for is left to the other workers. */
  async #pass(): Promise<number> {
    if (this.#freed > 0 && this.#backlog.size === 0) {
      await wakeWorkers(this.site);
      this.#freed = 0;
    }
    return this.#options.pollMs;
  }

  #rest(lookedAt: number): void {
    if (this.held > 0) return;
    this.emptyAt = lookedAt;
    this.#events.idle();
  }

  async #claim(limit: number, sentAt: number): Promise<Claim> {
    this.asked = limit;
    try {
      const claimed = await this.#claimer.claim(limit);
      this.#host.slots.spend(claimed.deliveries.length);
      for (const delivery of claimed.deliveries) this.#take(delivery, sentAt);
      return claimed;
    } finally {
      this.asked = 0;
      this.#host.changed.wake();
    }
  }

  #take(delivery: Delivery, sentAt: number): void {
    const held = this.#leases.take(delivery, sentAt);
    this.emptyAt = NaN;
    this.#events.emit("claimed", held, {});
    const crashes = crashesOf(delivery);
    if (crashes < this.#options.maxCrashes) {
      this.#backlog.add(held);
      return;
    }
    this.#settler.add({ held, verdict: givenUp(crashes), durationMs: 0 });
  }

  /** Starts the next buffered task; called when a slot is free for it. */
  start(at: number): void {
    const held = this.#backlog.next();
    if (at < held.leaseUntil) {
      this.#attempts.start(held, at);
    } else {
      // The event loop was blocked for long: somebody else may have it, running it would be twice.
      this.#giveBack([held]);
      this.#host.slots.release();
    }
  }

  #judge({ held, outcome, durationMs, lost }: Ended): void {
    this.#pace.observe(durationMs);
    const decision = verdict(outcome, held.attempt, this.#runnable.definition);
    const inSlot = this.#options.settleEach && !lost;
    if (!lost) this.#settler.add({ held, verdict: decision, durationMs, inSlot });
    if (inSlot) this.#unsettled++;
    else this.#host.slots.release();
  }

  readonly #onSettled = (settlement: Settlement, applied: boolean): void => {
    const { held, verdict, durationMs, inSlot } = settlement;
    this.#leases.drop(held);
    this.settledAt = now();
    this.#host.changed.wake();
    if (applied && !held.superseded) this.#events.announce(held, verdict, durationMs);
    else this.#events.emit("lost", held, {});
    const dueSoon = "delayMs" in verdict && verdict.delayMs < this.#options.pollMs;
    if (this.#claimer.strict) this.#freed++;
    if (inSlot) {
      this.#unsettled--;
      this.#host.slots.release();
    }
    if (dueSoon || this.#freed > 0 || this.held === 0) this.wake();
  };

  /** Somebody else has the task: nothing is written, and the handler hears of it. */
  #lose(held: Held): void {
    this.#backlog.lose(held);
    this.#attempts.lose(held);
    this.settledAt = now();
    this.#host.changed.wake();
    this.#events.emit("lost", held, {});
    this.wake();
  }

  #giveBack(tasks: readonly Held[]): void {
    const verdict = { kind: "release" } as const;
    for (const held of tasks) this.#settler.add({ held, verdict, durationMs: 0 });
  }

  /** The handler has become slow: other workers shall have what waits here for it. */
  #giveBackStale(): void {
    const stale = this.#backlog.takeStale();
    if (stale.length > 0) this.#pace.reset();
    this.#giveBack(stale);
  }
}
