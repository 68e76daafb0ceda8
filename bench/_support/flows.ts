/**
 * Calls in several flows at once.
 *
 * @module
 */

/** Calls `work` with each number below `count`, in `flows` sequences that run side by side. */
export async function inFlows(
  count: number,
  flows: number,
  work: (n: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const flow = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: flows }, flow));
}

/** Runs a flow several times side by side until all of them end, and adds up what they return. */
export async function sumOfFlows(flows: number, flow: () => Promise<number>): Promise<number> {
  const counts = await Promise.all(Array.from({ length: flows }, flow));
  return counts.reduce((sum, count) => sum + count);
}
