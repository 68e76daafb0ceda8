/**
 * A worker's slots, shared fairly among its lanes.
 *
 * A slot is either running a task, or spoken for by a task that was claimed for it, or open. Only
 * open slots are claimed for, plus what a fast lane is going to start in a moment.
 *
 * @module
 */

import { now, soon } from "./clock.ts";

/** What the slots need to know of a lane, and tell it. */
export interface Tenant {
  /** How many tasks it may run at once where that is limited, else `Infinity`. */
  readonly seats: number;
  /** It may have tasks to claim, as far as it knows. */
  readonly hungry: boolean;
  /** Tasks that are running. */
  readonly running: number;
  /** Tasks claimed and not started. */
  readonly buffered: number;
  /** Tasks that are over, and whose results are not written yet. */
  readonly settling: number;
  /** Tasks that a claim under way may bring. */
  readonly asked: number;
  /** How many tasks this number of slots will start in a moment. */
  ahead(slots: number): number;
  /** Starts its next buffered task at this time, and calls `release` when that is over. */
  start(at: number): void;
  /** There may be something to claim for. */
  wake(): void;
}

/** The most tasks in one claim; larger ones bring next to nothing, and what is held costs memory. */
export const maxClaim = 500;

/**
 * The most tasks that a lane holds beside those that run: two claims may be under way, one be worked
 * on, and the results of one be written. Where results are slow to write, claims wait for them.
 */
const maxHeld = 4 * maxClaim;

/** For so long tasks may start in one go; then the connections, and others, have their turn. */
const burstMs = 2;

/** The slots of one worker. */
export class Slots {
  readonly #limit: number;
  readonly #claiming: AbortSignal;
  readonly #tenants: Tenant[] = [];
  #running = 0;
  /** When the event loop's present turn began, as far as starts go; `undefined` before the first. */
  #burstAt: number | undefined;
  /** How many more tasks may be claimed. */
  #budget: number;

  /** `limit` tasks run at once, `budget` in all, and none starts once `claiming` is aborted. */
  constructor(limit: number, budget: number, claiming: AbortSignal) {
    this.#limit = limit;
    this.#budget = budget;
    this.#claiming = claiming;
  }

  /** Adds a lane. */
  add(tenant: Tenant): void {
    this.#tenants.push(tenant);
  }

  /** Whether the budget is used up. */
  get spent(): boolean {
    return this.#budget <= 0;
  }

  /** Takes claimed tasks off the budget. */
  spend(tasks: number): void {
    this.#budget -= tasks;
  }

  /** How many tasks a lane may claim now: its share of the open slots, or more if it is fast. */
  grant(tenant: Tenant): number {
    const open = Math.max(0, this.#limit - this.#running - sum(this.#tenants, spokenFor));
    const rivals = this.#tenants.filter(({ hungry, asked }) => hungry && asked === 0).length;
    const share = Math.max(Math.ceil(open / Math.max(1, rivals)), this.#due(tenant));
    const seats = tenant.seats - tenant.running - tenant.buffered - tenant.asked;
    const left = this.#budget - sum(this.#tenants, ({ asked }) => asked);
    const wanted = Math.max(Math.min(share, seats), this.#lacking(tenant));
    return Math.max(0, Math.min(maxClaim, left, wanted));
  }

  /**
   * What a lane lacks of its fair part while others have tasks waiting for slots: those slots
   * change hands soon, and it would never see one open.
   */
  #due(tenant: Tenant): number {
    const contested = this.#tenants.some((other) => other !== tenant && other.buffered > 0);
    const part = Math.ceil(this.#limit / this.#tenants.length);
    return contested ? part - tenant.running - tenant.buffered - tenant.asked : 0;
  }

  /** What a fast lane lacks to keep going; asked for once half of it, or a whole claim, is used up. */
  #lacking(tenant: Tenant): number {
    // What waits here for a slot counts against its queue's limit: nobody else may take the slot.
    if (tenant.seats < Infinity && this.#contested(tenant)) return 0;
    const slots = Math.ceil(this.#limit / this.#tenants.length);
    const ahead = tenant.ahead(Math.min(slots, tenant.seats));
    const target = Math.min(maxHeld, ahead);
    const lacking = target - tenant.buffered - tenant.asked - tenant.settling;
    return lacking >= Math.min(target / 2, maxClaim) ? lacking : 0;
  }

  #contested(tenant: Tenant): boolean {
    return this.#tenants.some((other) => other !== tenant && (other.hungry || other.buffered > 0));
  }

  /** Starts buffered tasks while slots are free, one of each lane in turn. */
  fill(): void {
    while (this.#running < this.#limit && !this.#claiming.aborted) {
      const next = this.#tenants.findIndex(startable);
      if (next < 0) return;
      const at = now();
      if (at > this.#burst(at) + burstMs) return;
      const [tenant] = this.#tenants.splice(next, 1);
      this.#tenants.push(tenant!);
      this.#running++;
      tenant!.start(at);
    }
  }

  /** When the burst began that a start at this time is part of; after its end it goes on. */
  #burst(at: number): number {
    if (this.#burstAt === undefined) {
      this.#burstAt = at;
      soon(() => {
        this.#burstAt = undefined;
        this.fill();
      });
    }
    return this.#burstAt;
  }

  /** Takes a slot back and puts it to use. */
  release(): void {
    this.#running--;
    this.fill();
    this.offer();
  }

  /** Wakes the lanes that could claim something; who waits for a claim already, for a whole one. */
  offer(): void {
    for (const tenant of this.#tenants) {
      const least = tenant.asked === 0 ? 1 : maxClaim;
      if (tenant.hungry && this.grant(tenant) >= least) tenant.wake();
    }
  }
}

/** How many slots a lane's tasks are going to take: it may hold more of them than it has seats. */
function spokenFor({ buffered, asked, running, seats }: Tenant): number {
  return Math.min(buffered + asked, seats - running);
}

function startable({ buffered, running, seats }: Tenant): boolean {
  return buffered > 0 && running < seats;
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
