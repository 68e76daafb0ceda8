/**
 * The way of one queue's tasks through a worker: claim, run, verdict, settle, emit.
 *
 * @module
 */

import { attemptOf, crashesOf, type Delivery, type Receipt } from "../core/task.ts";
import { PgtqError } from "../core/errors.ts";
import { Pace } from "../core/pace.ts";
import {
  type Outcome,
  PermanentError,
  StoppedError,
  type Verdict,
  verdict,
} from "../core/verdict.ts";
import { type Claim, claim } from "../db/broker.ts";
import type { Site } from "../db/site.ts";
import type { Runnable } from "../processor.ts";
import { Attempt } from "./attempt.ts";
import { now } from "./clock.ts";
import type { Emitter, TaskEvent, WorkerEvents } from "./events.ts";
import { type Held, Leases } from "./lease.ts";
import { Settler } from "./settler.ts";
import type { Slots, Tenant } from "./slots.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** The parts of a worker's options that concern its lanes. */
export interface LaneOptions {
  readonly pollMs: number;
  readonly pauseMs: number;
  readonly leaseMs: number;
  readonly maxCrashes: number;
}

/** What a lane shares with the worker it belongs to. */
export interface Host {
  readonly slots: Slots;
  readonly events: Emitter;
  /** Ends the claiming. */
  readonly claiming: AbortSignal;
  /** Ends everything: set once all that is held has been settled, or waiting for it is in vain. */
  readonly working: AbortSignal;
  /** Woken whenever a task has left this worker's hands. */
  readonly changed: Wakeup;
}

/** A task claimed ahead that could not start within this time is given back. */
const staleMs = 1000;

/**
 * After its last find a lane looks again soon: a producer that saw earlier tasks has not notified,
 * and its own task may have become visible only after our look.
 */
const lookAgainMs = 50;

/** One queue's part of a worker. */
export class Lane implements Tenant {
  readonly #runnable: Runnable;
  readonly site: Site;
  readonly #options: LaneOptions;
  readonly #host: Host;
  readonly #wakeup = new Wakeup();
  readonly #pace = new Pace();
  readonly #leases: Leases;
  readonly #settler: Settler;
  readonly #attempts = new Map<Receipt, Attempt>();
  readonly #buffer: Held[] = [];
  hungry = true;
  asked = 0;
  /** When a look was sent that found nothing while nothing was held; `NaN` if that is not so. */
  emptyAt = NaN;
  /** When the last result was written. */
  settledAt = -Infinity;

  /** Prepares the lane of a processor whose queue is at `site`. */
  constructor(runnable: Runnable, site: Site, options: LaneOptions, host: Host) {
    this.#runnable = runnable;
    this.site = site;
    this.#options = options;
    this.#host = host;
    this.#leases = new Leases(site, options.leaseMs, (held) => this.#lose(held));
    this.#settler = new Settler(site, runnable.queue.definition);
    host.slots.add(this);
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** How many tasks of the queue are in this worker's hands. */
  get held(): number {
    return this.#leases.size;
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
    const onError = (error: unknown) => this.#report(error);
    const settling = this.#settler.run(working, onError, pauseMs);
    const renewing = loop(() => this.#leases.renew(), {
      wakeup: new Wakeup(),
      signal: working,
      onError,
      pauseMs: () => Math.min(pauseMs, leaseMs / 10),
    });
    await loop(() => this.#turn(), {
      wakeup: this.#wakeup,
      signal: claiming,
      onError,
      pauseMs: () => pauseMs,
    });
    this.#settler.leave();
    this.#giveBack(this.#buffer.splice(0));
    await Promise.all([settling, renewing]);
  }

  /** Ends all attempts that are still running; their tasks go back to the queue. */
  abort(reason: string): void {
    for (const attempt of this.#attempts.values()) attempt.abort(new StoppedError(reason));
  }

  async #turn(): Promise<number> {
    this.#giveBackStale();
    this.hungry = true;
    const limit = this.#host.slots.grant(this);
    const wait = limit > 0 ? await this.#look(limit) : Infinity;
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
    this.#emit("idle", {});
  }

  async #claim(limit: number, sentAt: number): Promise<Claim> {
    this.asked = limit;
    try {
      const claimed = await claim(this.site, { limit, leaseMs: this.#options.leaseMs });
      this.#host.slots.spend(claimed.deliveries.length);
      for (const delivery of claimed.deliveries) this.#take(delivery, sentAt);
      return claimed;
    } finally {
      this.asked = 0;
    }
  }

  #take(delivery: Delivery, sentAt: number): void {
    const held = this.#leases.take(delivery, sentAt);
    this.emptyAt = NaN;
    this.#emit("claimed", about(delivery));
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
    const { delivery } = held;
    const attempt = new Attempt(this.#runnable, delivery);
    this.#attempts.set(delivery, attempt);
    const startedAt = now();
    const outcome = await attempt.run();
    const durationMs = now() - startedAt;
    this.#attempts.delete(delivery);
    this.#pace.observe(durationMs);
    if (!isLost(outcome)) {
      const decision = verdict(outcome, attemptOf(delivery), this.#runnable.definition);
      this.#settle(held, decision, durationMs);
    }
    this.#host.slots.release();
  }

  #settle(held: Held, decision: Verdict, durationMs: number): void {
    const done = (applied: boolean) => {
      this.#leases.drop(held);
      this.settledAt = now();
      this.#host.changed.wake();
      if (applied) this.#announce(held.delivery, decision, durationMs);
      else this.#emit("lost", about(held.delivery));
      const dueSoon = "delayMs" in decision && decision.delayMs < this.#options.pollMs;
      if (dueSoon || this.held === 0) this.wake();
    };
    this.#settler.add({ held, verdict: decision, done });
  }

  #announce(delivery: Delivery, decision: Verdict, durationMs: number): void {
    const task = about(delivery);
    const delayMs = "delayMs" in decision ? decision.delayMs : 0;
    if (decision.kind === "complete") return this.#emit("completed", { ...task, durationMs });
    if (!("error" in decision)) return this.#emit("released", { ...task, delayMs });
    const failure = { ...task, durationMs, error: decision.error };
    this.#emit("failed", failure);
    if (decision.kind === "dead") this.#emit("dead", failure);
    else this.#emit("retried", { ...failure, delayMs });
  }

  /** Somebody else has the task: nothing is written, and the handler hears of it. */
  #lose(held: Held): void {
    const { delivery } = held;
    const place = this.#buffer.indexOf(held);
    if (place >= 0) this.#buffer.splice(place, 1);
    const reason = `the lease on task ${delivery.id} was lost: somebody else may be running it`;
    this.#host.changed.wake();
    this.#attempts.get(delivery)?.abort(new PgtqError("LEASE_LOST", reason));
    this.#emit("lost", about(delivery));
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

  #report(error: unknown): void {
    this.#emit("error", { error });
  }

  #emit<Name extends keyof WorkerEvents>(name: Name, event: Omit<WorkerEvents[Name], "queue">) {
    const { name: queue } = this.#runnable.queue;
    this.#host.events.emit(name, { queue, ...event } as WorkerEvents[Name]);
  }
}

function about(delivery: Delivery): Omit<TaskEvent, "queue"> {
  return { id: delivery.id, attempt: attemptOf(delivery) };
}

function isLost(outcome: Outcome): boolean {
  return outcome.kind === "threw" && outcome.error instanceof PgtqError &&
    outcome.error.code === "LEASE_LOST";
}
