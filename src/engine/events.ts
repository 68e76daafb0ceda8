/**
 * What a worker tells the outside world. Logs, metrics and traces are subscribers like any other.
 *
 * @module
 */

/** Which task an event is about. */
export interface TaskEvent {
  /** The queue's name. */
  readonly queue: string;
  /** The task's id. */
  readonly id: number;
  /** The number of the attempt, starting at 1. */
  readonly attempt: number;
}

/** The end of an attempt. */
export interface AttemptEvent extends TaskEvent {
  /** How long the handler ran, in milliseconds; 0 if it was not run at all. */
  readonly durationMs: number;
}

/** The end of an attempt that failed. */
export interface FailureEvent extends AttemptEvent {
  /** What the handler threw, or why there was no attempt. */
  readonly error: unknown;
}

/** Every event of a worker with what it carries. All but `claimed` come after the database said yes. */
export interface WorkerEvents {
  /** The worker leased a task. */
  claimed: TaskEvent;
  /** The handler returned, and the task has left the queue. */
  completed: AttemptEvent;
  /** An attempt failed; `retried` or `dead` follows. */
  failed: FailureEvent;
  /** A failed task is back in the queue, due after `delayMs`. */
  retried: FailureEvent & { readonly delayMs: number };
  /** A task failed for good. */
  dead: FailureEvent;
  /** A task is back in the queue without a failed attempt: snoozed, or not started before a stop. */
  released: TaskEvent & { readonly delayMs: number };
  /**
   * Somebody else holds the task now, or it is gone: this worker changed nothing, or what it had
   * changed was not answered while its lease lasted.
   */
  lost: TaskEvent;
  /** A queue has nothing due, and this worker holds none of its tasks. */
  idle: { readonly queue: string };
  /** Something went wrong that the worker goes on from, such as a lost connection. */
  error: { readonly queue: string | undefined; readonly error: unknown };
}

/** A function that is called with what an event carries. */
export type Listener<Name extends keyof WorkerEvents> = (event: WorkerEvents[Name]) => void;

/** Listeners by event. One that throws doesn't harm the worker: its error becomes an `error`. */
export class Emitter {
  readonly #listeners = new Map<keyof WorkerEvents, Set<(event: never) => void>>();

  /** Adds a listener; the function returned takes it away. */
  on<Name extends keyof WorkerEvents>(name: Name, listener: Listener<Name>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /** Whether anybody listens. */
  heard(name: keyof WorkerEvents): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  /** Calls the listeners of an event. */
  emit<Name extends keyof WorkerEvents>(name: Name, event: WorkerEvents[Name]): void {
    // A copy: listeners may come and go meanwhile.
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      void this.#tell(listener as (event: WorkerEvents[Name]) => unknown, name, event);
    }
  }

  /** A listener may be asynchronous; it is called at once all the same. */
  async #tell<Name extends keyof WorkerEvents>(
    listener: (event: WorkerEvents[Name]) => unknown,
    name: Name,
    event: WorkerEvents[Name],
  ): Promise<void> {
    try {
      await listener(event);
    } catch (error) {
      if (name !== "error") this.emit("error", { queue: undefined, error });
    }
  }
}
