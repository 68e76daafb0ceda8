/**
 * Claim: an exact limit on how many tasks run at once, over all workers, costs less than half of the
 * speed.
 *
 * Target: with `concurrencyLimit: 10` on the processor, a worker of ten slots drains 50,000 instant
 * tasks at 0.5 × the rate without or more. Two such workers, in one process, share the limit.
 *
 * `deno run -A bench/limit.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

const script = contender("rules_pgtq.ts");

await bench({
  name: "limit",
  claim: "an exact limit over all workers costs less than half of the speed",
  full: { tasks: 50_000, rounds: 5 },
  quick: { tasks: 2_000, rounds: 1 },
  contenders: [
    { name: "limited", script, settings: { limit: 10 } },
    { name: "limited, two workers", script, settings: { limit: 10, workers: 2 } },
    { name: "unlimited", script },
    { name: "unlimited, two workers", script, settings: { workers: 2 } },
  ],
  comparisons: [
    { figure: "rate", of: "limited", to: "unlimited", atLeast: 0.5 },
    { figure: "rate", of: "limited, two workers", to: "unlimited, two workers" },
    { figure: "rate", of: "limited, two workers", to: "limited" },
  ],
});
