/**
 * Handlers whose beginning is noted and whose end is up to the test.
 *
 * @module
 */

import type { TaskContext } from "../../mod.ts";

/** Longer than any machine takes: what waits for this is not going to begin. */
const endlessMs = 20_000;

/** A handler that takes this long is a slow one: nothing is claimed ahead of it. */
const slowMs = 120;

/** A run of a handler that goes on until it is told to end. */
export interface Scene {
  readonly queue: string;
  readonly id: number;
  readonly group: string | undefined;
  readonly attempt: number;
  /** Has the handler return, or throw. */
  end(error?: Error): void;
  /** Has the handler return once it has been slow. */
  endSlowly(): Promise<void>;
}

/** Where handlers run: any number of workers may share it. */
export class Stage {
  /** All runs so far, in the order they began. */
  readonly begun: Scene[] = [];
  readonly #running = new Set<Scene>();
  #most = 0;
  #changed = Promise.withResolvers<void>();

  /** The handler, for any number of processors. */
  readonly handler = (_: unknown, context: TaskContext): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { queue, id, group, attempt } = context;
    const start = performance.now();
    const scene: Scene = {
      queue,
      id,
      group,
      attempt,
      end: (error) => {
        this.#running.delete(scene);
        error ? reject(error) : resolve();
      },
      endSlowly: async () => {
        const left = start + slowMs - performance.now();
        await new Promise((resolve) => setTimeout(resolve, left));
        scene.end();
      },
    };
    this.begun.push(scene);
    this.#running.add(scene);
    this.#most = Math.max(this.#most, this.#running.size);
    this.#changed.resolve();
    return promise;
  };

  /** What runs now, of one queue or of all. */
  running(queue?: string): Scene[] {
    return [...this.#running].filter((scene) => queue === undefined || scene.queue === queue);
  }

  /** The most that ever ran at once. */
  get most(): number {
    return this.#most;
  }

  /** Waits until this holds; what runs and what has begun is looked at with every beginning. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      const { promise, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(() => reject(new Error(this.#standstill())), endlessMs);
      await Promise.race([this.#changed.promise, promise]).finally(() => clearTimeout(timer));
      this.#changed = Promise.withResolvers<void>();
    }
  }

  #standstill(): string {
    const runs = (scenes: readonly Scene[]) =>
      scenes.map(({ queue, id }) => `${queue} ${id}`).join();
    return `Nothing began for long: begun ${runs(this.begun)}, running ${runs(this.running())}`;
  }

  /** Waits for the run with this number, counted from 1 over all queues. */
  async nth(number: number): Promise<Scene> {
    await this.until(() => this.begun.length >= number);
    return this.begun[number - 1]!;
  }

  /** Ends all that run. */
  endAll(): void {
    for (const scene of this.#running) scene.end();
  }
}
