/**
 * Time: the only place that reads a clock or sets a timer.
 *
 * @module
 */

/** Milliseconds on a clock that never goes back; only differences mean anything. */
export function now(): number {
  return performance.now();
}

/** Timers overflow beyond this and would fire at once. */
const longest = 2 ** 31 - 1;

/** Runs `action` after a time; disposing of the timer is the end of it. For `using`. */
export function after(ms: number, action: () => void): Disposable {
  const end = now() + ms;
  let timer: ReturnType<typeof setTimeout>;
  const arm = () => {
    const left = end - now();
    timer = left > longest ? setTimeout(arm, longest) : setTimeout(action, Math.max(0, left));
  };
  arm();
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

/** Runs `action` once the event loop has let others have their turn. */
export function soon(action: () => void): void {
  // Not every edge runtime has it; a timer does the same, later.
  if (typeof setImmediate === "function") setImmediate(action);
  else setTimeout(action, 0);
}

/** Waits for a time, or until the signal is aborted, whichever comes first. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = after(ms, resolve);
  const end = () => resolve();
  signal.addEventListener("abort", end);
  await promise;
  signal.removeEventListener("abort", end);
}

/** Waits for work to end, but no longer than this. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  using _ = after(ms, resolve);
  await Promise.race([work, promise]);
}

/** Waits until the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}
