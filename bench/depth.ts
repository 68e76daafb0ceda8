/**
 * Claim: a queue with 5,000,000 tasks is drained as fast as one with 10,000.
 *
 * Target: 50,000 tasks are drained from a queue with 5,000,000 at 0.9 × the rate or more. Both queues
 * give them in five parts, each to a worker of its own, and are filled up again before each part: the
 * time that takes doesn't count.
 *
 * `deno run -A bench/depth.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

const script = contender("depth_pgtq.ts");

await bench({
  name: "depth",
  claim: "a queue with 5,000,000 tasks is drained as fast as one with 10,000",
  full: { tasks: 50_000, rounds: 5 },
  quick: { tasks: 5_000, rounds: 1 },
  // How many tasks are queued, as a multiple of those that are drained.
  contenders: [
    { name: "deep queue", script, settings: { depth: 100 } },
    { name: "shallow queue", script, settings: { depth: 0.2 } },
  ],
  figures: ["rate"],
  comparisons: [{ figure: "rate", of: "deep queue", to: "shallow queue", atLeast: 0.9 }],
});
