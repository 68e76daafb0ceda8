/**
 * The leases a worker holds on tasks of one queue, and their renewal.
 *
 * @module
 */

import { attemptOf, type Delivery } from "../core/task.ts";
import { extend } from "../db/settle.ts";
import type { Site } from "../db/site.ts";
import { now } from "./clock.ts";

/** A task in this worker's hands, from its claim until the database has taken the result. */
export interface Held {
  readonly delivery: Delivery;
  /** The number of the attempt it is claimed for. */
  readonly attempt: number;
  /** When its claim was sent, by our own clock. */
  readonly claimedAt: number;
  /** Until when nobody else can have claimed it, by our own clock. */
  leaseUntil: number;
  /** The attempt is over: whether the lease was lost by then is for its settlement to find out. */
  settling: boolean;
  /** This worker has claimed the task again, after it had let the lease run out. */
  superseded: boolean;
}

/** What a worker holds of one queue. */
export class Leases {
  readonly #site: Site;
  readonly #leaseMs: number;
  readonly #onLost: (held: Held) => void;
  readonly #held = new Map<number, Held>();

  /** `onLost` is called once for each task that turns out to be somebody else's. */
  constructor(site: Site, leaseMs: number, onLost: (held: Held) => void) {
    this.#site = site;
    this.#leaseMs = leaseMs;
    this.#onLost = onLost;
  }

  /** How many tasks are held. */
  get size(): number {
    return this.#held.size;
  }

  /** Takes hold of a task whose claim was sent at this time. */
  take(delivery: Delivery, claimedAt: number): Held {
    const leaseUntil = claimedAt + this.#leaseMs;
    const attempt = attemptOf(delivery);
    const held = {
      delivery,
      attempt,
      claimedAt,
      leaseUntil,
      settling: false,
      superseded: false,
    };
    const former = this.#held.get(delivery.id);
    if (former) this.#supersede(former);
    this.#held.set(delivery.id, held);
    return held;
  }

  /** Lets go of a task. */
  drop({ delivery }: Held): void {
    // The same worker may hold a later delivery of the task by now.
    if (this.#held.get(delivery.id)?.delivery === delivery) this.#held.delete(delivery.id);
  }

  /**
   * One turn of the renewal: extends all leases in one statement, three times per lease, so that
   * two renewals in a row may fail or come late from a busy event loop.
   */
  async renew(): Promise<number> {
    const all = [...this.#held.values()];
    if (all.length > 0) {
      const sentAt = now();
      const receipts = all.map((held) => held.delivery);
      const renewal = await extend(this.#site, receipts, this.#leaseMs);
      for (const held of all) {
        const { id } = held.delivery;
        if (renewal.extended.has(id)) held.leaseUntil = sentAt + this.#leaseMs;
        if (!renewal.held.has(id) && !held.settling) this.#lose(held);
      }
    }
    return this.#leaseMs / 3;
  }

  #supersede(former: Held): void {
    former.superseded = true;
    if (!former.settling) this.#lose(former);
  }

  #lose(held: Held): void {
    this.drop(held);
    this.#onLost(held);
  }
}
