/**
 * Prunes archives now and then.
 *
 * @module
 */

import type { Queryable } from "../db/connection.ts";
import { pruneBoth } from "../queue_prune.ts";
import type { QueueDefinition } from "../queue_options.ts";
import type { Emitter } from "./events.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** How often to prune, and how much at once. */
export interface JanitorOptions {
  readonly intervalMs: number;
  readonly batchSize: number;
  readonly pauseMs: number;
  readonly queues: readonly QueueDefinition[];
}

/** Prunes the archives of these queues at once and then once per interval, until the signal. */
export async function tidy(
  sql: Queryable,
  { intervalMs, batchSize, pauseMs, queues }: JanitorOptions,
  signal: AbortSignal,
  events: Emitter,
): Promise<void> {
  const turn = async () => {
    for (const queue of queues) await pruneBoth(sql, queue, { batchSize, signal });
    return intervalMs;
  };
  await loop(turn, {
    wakeup: new Wakeup(),
    signal,
    onError: (error) => events.emit("error", { queue: undefined, error }),
    pauseMs: () => pauseMs,
  });
}
