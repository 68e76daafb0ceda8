/**
 * Tasks that were claimed and have not started.
 *
 * @module
 */

import { now } from "./clock.ts";
import type { Held } from "./lease.ts";

/** A task that could not start within this time is given back. */
export const staleMs = 1000;

/** The tasks of one lane that wait for a slot, in the order of their claims. */
export class Backlog {
  /** Those before `#next` have left already: to move up all others for each one would take longer. */
  #waiting: Held[] = [];
  #next = 0;

  /** How many there are. */
  get size(): number {
    return this.#waiting.length - this.#next;
  }

  /** Adds a task that was just claimed. */
  add(held: Held): void {
    this.#waiting.push(held);
  }

  /** Takes the next one out. */
  next(): Held {
    const held = this.#waiting[this.#next++]!;
    if (this.size === 0) this.takeAll();
    return held;
  }

  /** Takes one out that is lost, if it is there. */
  lose(held: Held): void {
    const place = this.#waiting.indexOf(held, this.#next);
    if (place >= 0) this.#waiting.splice(place, 1);
  }

  /** Takes out those that have waited for too long. */
  takeStale(): Held[] {
    const oldest = this.#waiting[this.#next];
    const since = now() - staleMs;
    if (!oldest || oldest.claimedAt > since) return [];
    const all = this.takeAll();
    const fresh = all.findIndex(({ claimedAt }) => claimedAt > since);
    this.#waiting = fresh < 0 ? [] : all.splice(fresh);
    return all;
  }

  /** Takes all out. */
  takeAll(): Held[] {
    const all = this.#waiting.slice(this.#next);
    this.#waiting = [];
    this.#next = 0;
    return all;
  }
}
