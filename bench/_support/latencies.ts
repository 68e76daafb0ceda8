/**
 * Measures the way from a producer to a handler of the same process.
 *
 * @module
 */

/** Percentiles in milliseconds. */
export type Latencies = Readonly<Record<"p50" | "p95" | "p99", number>>;

/**
 * Enqueues one task after another, each once the handler of the last one has started and its own
 * enqueuing is over, and takes the time from before it is enqueued until its handler starts.
 *
 * A pause after each lets the worker finish its task and be idle again.
 */
export async function latencies(
  tasks: number,
  enqueue: (onStart: () => void) => Promise<unknown>,
): Promise<Latencies> {
  const times: number[] = [];
  for (let n = 0; n < tasks; n++) {
    const started = Promise.withResolvers<number>();
    const start = performance.now();
    const enqueued = enqueue(() => started.resolve(performance.now()));
    times.push(await started.promise - start);
    await enqueued;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return percentiles(times);
}

/** The percentiles of some times. */
export function percentiles(times: readonly number[]): Latencies {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))]!;
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

const pauseMs = 5;
