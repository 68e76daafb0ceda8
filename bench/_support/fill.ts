/**
 * Filling a queue through the API of whoever drains it.
 *
 * @module
 */

/** Calls `add` with the numbers below `count`, so many at once that no statement grows too big. */
export async function inChunks(
  count: number,
  add: (numbers: number[]) => Promise<unknown>,
  size = 10_000,
): Promise<void> {
  for (let first = 0; first < count; first += size) {
    await add(Array.from({ length: Math.min(size, count - first) }, (_, n) => first + n));
  }
}
