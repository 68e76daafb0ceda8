/**
 * The way of one queue's tasks through a worker: claim, run, verdict, settle, emit.
 *
 * @module
 */

import { Pace } from "../core/pace.ts";
import { crashesOf, type Delivery } from "../core/task.ts";
import { givenUp, verdict } from "../core/verdict.ts";
import type { Site } from "../db/site.ts";
import type { Runnable } from "../processor.ts";
import { Attempts, type Ended } from "./attempts.ts";
import { Backlog } from "./backlog.ts";
import { Claimer } from "./claimer.ts";
import { now } from "./clock.ts";
import type { Host, LaneOptions } from "./host.ts";
import { type Basin, Intake } from "./intake.ts";
import { LaneEvents } from "./lane_events.ts";
import { type Held, Leases } from "./lease.ts";
import type { Settlement } from "./outbox.ts";
import { Settler } from "./settler.ts";
import { upkeep } from "./upkeep.ts";

/** One queue's part of a worker. */
export class Lane implements Basin {
  readonly site: Site;
  readonly seats: number;
  readonly #runnable: Runnable;
  readonly #options: LaneOptions;
  readonly #host: Host;
  readonly #pace = new Pace();
  readonly #events: LaneEvents;
  readonly #claimer: Claimer;
  readonly #intake: Intake;
  readonly #leases: Leases;
  readonly #attempts: Attempts;
  readonly #settler: Settler;
  readonly #backlog = new Backlog();
  readonly #onError = (error: unknown) => this.#events.error(error);
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
    this.#intake = new Intake(this, this.#claimer, options, host);
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

  get settling(): number {
    return this.#leases.size - this.#backlog.size - this.#attempts.size;
  }

  get hungry(): boolean {
    return this.#intake.hungry;
  }

  get asked(): number {
    return this.#intake.asked;
  }

  get emptyAt(): number {
    return this.#intake.emptyAt;
  }

  get stuck(): number {
    return this.#settler.stuck;
  }

  get held(): number {
    return this.#leases.size + this.asked;
  }

  ahead(slots: number): number {
    return this.#pace.ahead(slots);
  }

  wake(): void {
    this.#intake.wake();
  }

  rest(): void {
    this.#events.idle();
  }

  /** Runs until the host's signals end first the claiming, then the rest. */
  async run(): Promise<void> {
    await using claimer = this.#claimer;
    const [onError, onSettled] = [this.#onError, this.#onSettled];
    const charges = { settler: this.#settler, leases: this.#leases, attempts: this.#attempts };
    const told = { onError, onSettled, onWritten: () => this.#host.slots.offer() };
    const keeping = upkeep({ ...charges, claimer }, this.#host, this.#options, told);
    await this.#intake.run(onError);
    this.#giveBack(this.#backlog.takeAll());
    await Promise.all([keeping, this.#intake.leave(onError)]);
  }

  /** Ends all attempts that are still running; their tasks go back to the queue. */
  abort(reason: string): void {
    this.#attempts.abort(reason);
  }

  take(delivery: Delivery, sentAt: number): void {
    const held = this.#leases.take(delivery, sentAt);
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
    const freed = this.#intake.free();
    if (inSlot) {
      this.#unsettled--;
      this.#host.slots.release();
    }
    if (dueSoon || freed || this.held === 0) this.wake();
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
  giveBackStale(): void {
    const stale = this.#backlog.takeStale();
    if (stale.length > 0) this.#pace.reset();
    this.#giveBack(stale);
  }
}
