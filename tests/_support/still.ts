/**
 * Time that stands still, for what depends on how long the code under test takes.
 *
 * @module
 */

/** Has `performance.now` say the same until the end of the block. For `using`, without waiting. */
export function stopClock(): Disposable {
  const { now } = performance;
  const at = performance.now();
  const say = (now: () => number) =>
    Object.defineProperty(performance, "now", { value: now, configurable: true, writable: true });
  say(() => at);
  return { [Symbol.dispose]: () => void say(now.bind(performance)) };
}
