/**
 * Claim: tasks that are due later don't stand in the way of those that are due, however many.
 *
 * Target: behind 1,000,000 tasks that are due in a day, 100,000 are drained at 0.9 × the rate or more
 * of the same without the others.
 *
 * `deno run -A bench/delayed.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

const script = contender("delayed_pgtq.ts");

await bench({
  name: "delayed",
  claim: "1,000,000 tasks that are due in a day don't stand in the way",
  full: { tasks: 100_000, rounds: 5 },
  quick: { tasks: 5_000, rounds: 1 },
  // How many tasks are due in a day, as a multiple of those that are drained.
  contenders: [
    { name: "behind delayed", script, settings: { delayed: 10 } },
    { name: "none delayed", script, settings: { delayed: 0 } },
  ],
  comparisons: [{ figure: "rate", of: "behind delayed", to: "none delayed", atLeast: 0.9 }],
});
