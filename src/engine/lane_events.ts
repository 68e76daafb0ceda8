/**
 * What a lane tells of its tasks.
 *
 * @module
 */

import type { Verdict } from "../core/verdict.ts";
import type { Emitter, TaskEvent, WorkerEvents } from "./events.ts";
import type { Held } from "./lease.ts";

/** The events of one queue. */
export class LaneEvents {
  readonly #events: Emitter;
  readonly #queue: string;

  /** Tells of the tasks of `queue` through the worker's emitter. */
  constructor(events: Emitter, queue: string) {
    this.#events = events;
    this.#queue = queue;
  }

  /** Tells of a task; what it takes to say so is made only if somebody listens. */
  emit<Name extends keyof WorkerEvents>(
    name: Name,
    { delivery: { id }, attempt }: Held,
    rest: Omit<WorkerEvents[Name], keyof TaskEvent>,
  ): void {
    if (!this.#events.heard(name)) return;
    const event = { queue: this.#queue, id, attempt, ...rest } as unknown as WorkerEvents[Name];
    this.#events.emit(name, event);
  }

  /** Tells what became of a task, once the database has said yes. */
  announce(held: Held, verdict: Verdict, durationMs: number): void {
    const delayMs = "delayMs" in verdict ? verdict.delayMs : 0;
    if (verdict.kind === "complete") return this.emit("completed", held, { durationMs });
    if (!("error" in verdict)) return this.emit("released", held, { delayMs });
    const failure = { durationMs, error: verdict.error };
    this.emit("failed", held, failure);
    if (verdict.kind === "dead") this.emit("dead", held, failure);
    else this.emit("retried", held, { ...failure, delayMs });
  }

  /** Tells that nothing is due and nothing held. */
  idle(): void {
    this.#events.emit("idle", { queue: this.#queue });
  }

  /** Tells of trouble that the lane goes on from. */
  error(error: unknown): void {
    this.#events.emit("error", { queue: this.#queue, error });
  }
}
