/**
 * Settles tasks of one queue: hands each verdict to the statement that carries it out.
 *
 * @module
 */

import { describe } from "../core/verdict.ts";
import { complete, putBack } from "../db/settle.ts";
import { bury } from "../db/dead.ts";
import type { Site } from "../db/site.ts";
import type { QueueDefinition } from "../queue_options.ts";
import { Outbox, type OutboxOptions, type Settlement } from "./outbox.ts";

/** What a settler needs to know. */
export interface SettlerOptions {
  /** Once aborted, other workers are told of what is settled: this one won't take what comes next. */
  readonly claiming: AbortSignal;
  /** Slots wait for their results: nothing is gathered. */
  readonly settleEach: boolean;
}

/** Settles tasks. The kinds of verdict don't wait for each other. */
export class Settler {
  readonly #site: Site;
  readonly #definition: QueueDefinition;
  readonly #completed: Outbox;
  readonly #returned: Outbox;
  readonly #failed: Outbox;
  readonly #claiming: AbortSignal;

  /** Settles tasks of the queue at `site`. */
  constructor(site: Site, definition: QueueDefinition, { claiming, settleEach }: SettlerOptions) {
    this.#site = site;
    this.#definition = definition;
    this.#claiming = claiming;
    const how = { gather: !settleEach };
    this.#completed = new Outbox((settlements) => this.#complete(settlements), how);
    this.#returned = new Outbox((settlements) => this.#putBack(settlements), how);
    this.#failed = new Outbox((settlements) => this.#bury(settlements), how);
  }

  /** Hands a verdict over. */
  add(settlement: Settlement): void {
    settlement.held.settling = true;
    this.#outbox(settlement).add(settlement);
  }

  /** How many verdicts the database doesn't take. */
  get stuck(): number {
    return this.#completed.stuck + this.#returned.stuck + this.#failed.stuck;
  }

  /** Writes until the signal is aborted. */
  async run(options: OutboxOptions): Promise<void> {
    const outboxes = [this.#completed, this.#returned, this.#failed];
    await Promise.all(outboxes.map((outbox) => outbox.run(options)));
  }

  #outbox({ verdict }: Settlement): Outbox {
    if (verdict.kind === "complete") return this.#completed;
    return verdict.kind === "dead" ? this.#failed : this.#returned;
  }

  #complete(settlements: readonly Settlement[]): Promise<Set<number>> {
    const receipts = settlements.map(({ held }) => held.delivery);
    const archive = this.#definition.archive !== undefined;
    return complete(this.#site, receipts, archive, { wake: this.#claiming.aborted });
  }

  #putBack(settlements: readonly Settlement[]): Promise<Set<number>> {
    const tasks = settlements.map(({ held: { delivery: { id, deliveries } }, verdict }) => ({
      id,
      deliveries,
      delayMs: "delayMs" in verdict ? verdict.delayMs : 0,
      error: "error" in verdict ? describe(verdict.error) : null,
    }));
    return putBack(this.#site, tasks, { wake: this.#claiming.aborted });
  }

  #bury(settlements: readonly Settlement[]): Promise<Set<number>> {
    const tasks = settlements.map(({ held: { delivery: { id, deliveries } }, verdict }) => ({
      id,
      deliveries,
      error: "error" in verdict ? describe(verdict.error) : "",
    }));
    const { letters, archive } = this.#definition;
    const graveyard = { letters, archive: archive !== undefined };
    return bury(this.#site, tasks, graveyard, { wake: this.#claiming.aborted });
  }
}
