/**
 * Prunes archives now and then.
 *
 * @module
 */

import type { Queue } from "../queue.ts";
import type { Emitter } from "./events.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** How often to prune, and how much at once. */
export interface JanitorOptions {
  readonly intervalMs: number;
  readonly batchSize: number;
  readonly pauseMs: number;
}

/** Prunes the archives of these queues at once and then once per interval, until the signal. */
export async function tidy(
  queues: readonly Queue[],
  { intervalMs, batchSize, pauseMs }: JanitorOptions,
  signal: AbortSignal,
  events: Emitter,
): Promise<void> {
  const turn = async () => {
    for (const queue of queues) await queue.prune({ batchSize, signal });
    return intervalMs;
  };
  await loop(turn, {
    wakeup: new Wakeup(),
    signal,
    onError: (error) => events.emit("error", { queue: undefined, error }),
    pauseMs: () => pauseMs,
  });
}
