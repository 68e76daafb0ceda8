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
  readonly #waiting: Held[] = [];

  /** How many there are. */
  get size(): number {
    return this.#waiting.length;
  }

  /** Adds a task that was just claimed. */
  add(held: Held): void {
    this.#waiting.push(held);
  }

  /** Takes the next one out. */
  next(): Held {
    return this.#waiting.shift()!;
  }

  /** Takes one out that is lost, if it is there. */
  lose(held: Held): void {
    const place = this.#waiting.indexOf(held);
    if (place >= 0) this.#waiting.splice(place, 1);
  }

  /** Takes out those that have waited for too long. */
  takeStale(): Held[] {
    const fresh = this.#waiting.findIndex(({ claimedAt }) => now() - claimedAt < staleMs);
    return this.#waiting.splice(0, fresh < 0 ? this.size : fresh);
  }

  /** Takes all out. */
  takeAll(): Held[] {
    return this.#waiting.splice(0);
  }
}
