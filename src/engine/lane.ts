/**
 * The way of one queue's tasks through a worker: claim, run, verdict, settle, emit.
 *
 * @module
 */

import { Pace } from "../core/pace.ts";
import { crashesOf, type Delivery } from "../core/task.ts";
import { PermanentError, type Verdict, verdict } from "../core/verdict.ts";
import { type Claim, claim } from "../db/claim.ts";
import type { Site } from "../db/site.ts";
import type { Runnable } from "../processor.ts";
import { Attempts, type Ended } from "./attempts.ts";
import { now } from "./clock.ts";
import type { Host, LaneOptions } from "./host.ts";
import { LaneEvents } from "./lane_events.ts";
import { type Held, Leases } from "./lease.ts";
import { Settler } from "./settler.ts";
import type { Tenant } from "./slots.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** A task claimed ahead that could not start within this time is given back. */
const staleMs = 1000;

/**
 * After its last find a lane looks again soon: a producer that saw earlier tasks has not notified,
 * and its own task may have become visible only after our look.
 */
const lookAgainMs = 50;

/** One queue's part of a worker. */
export class Lane implements Tenant {
  readonly site: Site;
  readonly #runnable: Runnable;
  readonly #options: LaneOptions;
  readonly #host: Host;
  readonly #wakeup = new Wakeup();
  readonly #pace = new Pace();
  readonly #events: LaneEvents;
  readonly #leases: Leases;
  readonly #attempts: Attempts;
  readonly #settler: Settler;
  readonly #buffer: Held[] = [];
  hungry = true;
  asked = 0;
  /** When a look was sent that found nothing while nothing was held; `NaN` if that is not so. */
  emptyAt = NaN;
  /** When the last result was written. */
  settledAt = -Infinity;

  /** Prepares the lane of a processor whose queue is at `site`. */
  constructor(runnable: Runnable, site: Site, options: LaneOptions, host: Host) {
    this.site = site;
    this.#runnable = runnable;
    this.#options = options;
    this.#host = host;
    this.#events = new LaneEvents(host.events, runnable.queue.name);
    this.#leases = new Leases(site, options.leaseMs, (held) => this.#lose(held));
    this.#attempts = new Attempts(runnable);
    this.#settler = new Settler(site, runnable.queue.definition);
    host.slots.add(this);
  }

  get running(): number {
    return this.#attempts.size;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** How many tasks of the queue are in this worker's hands, or may be by the next answer. */
  get held(): number {
    return this.#leases.size + this.asked;
  }

  ahead(slots: number): number {
    return this.#pace.ahead(slots);
  }

  wake(): void {
    this.#wakeup.wake();
  }

  /** Runs until the host's signals end first the claiming, then the rest. */
  async run(): Promise<void> {
    const { claiming, working } = this.#host;
    const { leaseMs, pauseMs } = this.#options;
    const onError = (error: unknown) => this.#events.error(error);
    const settling = this.#settler.run({ signal: working, onError, pauseMs });
    const renewing = loop(() => this.#leases.renew(), {
      wakeup: new Wakeup(),
      signal: working,
      onError,
      pauseMs: () => Math.min(pauseMs, leaseMs / 10),
    });
    const limiting = loop(() => Promise.resolve(this.#attempts.limit()), {
      wakeup: new Wakeup(),
      signal: working,
      onError,
      pauseMs: () => pauseMs,
    });
    await loop(() => this.#turn(), {
      wakeup: this.#wakeup,
      signal: claiming,
      onError: (error) => {
        this.#host.slots.offer(); // to the lanes that got none because of the failed claim
        onError(error);
      },
      pauseMs: () => pauseMs,
    });
    this.#settler.leave();
    this.#giveBack(this.#buffer.splice(0));
    await Promise.all([settling, renewing, limiting]);
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
    const wait = limit > 0 ? await this.#look(limit) : this.#options.pollMs;
    if (this.#host.slots.spent) this.#rest(now());
    return this.#buffer.length > 0 ? Math.min(wait, staleMs) : wait;
  }

  /** Claims; returns how long to wait before the next look. */
  async #look(limit: number): Promise<number> {
    const sentAt = now();
    const { deliveries, nextDueMs = Infinity } = await this.#claim(limit, sentAt);
    this.hungry = deliveries.length === limit;
    this.#host.slots.fill();
    this.#host.slots.offer();
    if (this.hungry) return 0;
    if (deliveries.length === 0) this.#rest(sentAt);
    const look = deliveries.length > 0 ? lookAgainMs : Infinity;
    return Math.min(look, nextDueMs, this.#options.pollMs);
  }

  #rest(lookedAt: number): void {
    if (this.held > 0) return;
    this.emptyAt = lookedAt;
    this.#events.idle();
  }

  async #claim(limit: number, sentAt: number): Promise<Claim> {
    this.asked = limit;
    try {
      const { leaseMs } = this.#options;
      const claimed = await claim(this.site, { limit, leaseMs });
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
      this.#buffer.push(held);
      return;
    }
    const error = new PermanentError(
      `${crashes} deliveries ended without a result: the worker crashed or lost its lease`,
    );
    this.#settle(held, { kind: "dead", error }, 0);
  }

  /** Starts the next buffered task; called when a slot is free for it. */
  start(): void {
    const held = this.#buffer.shift()!;
    if (now() < held.leaseUntil) {
      void this.#process(held);
    } else {
      // The event loop was blocked for long: somebody else may have it, running it would be twice.
      this.#giveBack([held]);
      this.#host.slots.release();
    }
  }

  async #process(held: Held): Promise<void> {
    const ended = await this.#attempts.run(held);
    this.#pace.observe(ended.durationMs);
    if (!ended.lost) this.#settle(held, this.#decide(held, ended), ended.durationMs);
    this.#host.slots.release();
  }

  /** Handlers can throw things that not even `instanceof` can be asked about. */
  #decide(held: Held, { outcome }: Ended): Verdict {
    try {
      return verdict(outcome, held.attempt, this.#runnable.definition);
    } catch (fault) {
      return { kind: "dead", error: fault };
    }
  }

  #settle(held: Held, decision: Verdict, durationMs: number): void {
    const done = (applied: boolean) => {
      this.#leases.drop(held);
      this.settledAt = now();
      this.#host.changed.wake();
      if (applied && !held.superseded) this.#events.announce(held, decision, durationMs);
      else this.#events.emit("lost", held, {});
      const dueSoon = "delayMs" in decision && decision.delayMs < this.#options.pollMs;
      if (dueSoon || this.held === 0) this.wake();
    };
    this.#settler.add({ held, verdict: decision, done });
  }

  /** Somebody else has the task: nothing is written, and the handler hears of it. */
  #lose(held: Held): void {
    const place = this.#buffer.indexOf(held);
    if (place >= 0) this.#buffer.splice(place, 1);
    this.#attempts.lose(held);
    this.settledAt = now();
    this.#host.changed.wake();
    this.#events.emit("lost", held, {});
    this.wake();
  }

  #giveBack(tasks: readonly Held[]): void {
    for (const held of tasks) this.#settle(held, { kind: "release" }, 0);
  }

  /** The handler has become slow: other workers shall have what waits here for it. */
  #giveBackStale(): void {
    const fresh = this.#buffer.findIndex(({ claimedAt }) => now() - claimedAt < staleMs);
    const stale = this.#buffer.splice(0, fresh < 0 ? this.#buffer.length : fresh);
    if (stale.length === 0) return;
    this.#pace.reset();
    this.#giveBack(stale);
  }
}
