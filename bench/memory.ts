/**
 * Claim: a worker needs no more memory after 1,000,000 tasks than after 250,000, and never much.
 *
 * Targets: the process has at most 150 MB in memory; in the last quarter of 1,000,000 tasks, archive
 * on, the median is at most 1.1 × that of the second quarter. It lives through all rounds, so what it
 * kept of each would add up.
 *
 * `deno run -A bench/memory.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

await bench({
  name: "memory",
  claim: "a worker's memory doesn't grow with the number of its tasks",
  full: { tasks: 1_000_000, rounds: 3 },
  quick: { tasks: 20_000, rounds: 1 },
  contenders: [{ name: "worker", script: contender("memory_pgtq.ts") }],
  figures: ["rate", "rssSecond", "rssLast", "rssGrowth", "rssMax"],
  comparisons: [
    { figure: "rssGrowth", of: "worker", atMost: 1.1 },
    { figure: "rssMax", of: "worker", atMost: 150 },
  ],
});
