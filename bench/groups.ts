/**
 * Claim: strict order in groups costs less than half of the speed, and claims take as long at
 * 1,000,000 tasks as at 10,000.
 *
 * Targets: 100,000 tasks in 1,000 groups are drained at 0.5 × the rate of the same tasks without
 * order, with an archive; a claim of 100 tasks in their turn takes at most 1.5 × as long with
 * 1,000,000 queued as with 10,000.
 *
 * `deno run -A bench/groups.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

const groups = 1000;
/** Tasks that are claimed in one flow and completed at once; `depth` times as many are queued. */
const claims = { script: contender("claims_pgtq.ts"), share: 0.05 };

await bench({
  name: "groups",
  claim: "order in groups costs less than half of the speed, at any depth of the queue",
  full: { tasks: 100_000, rounds: 5 },
  quick: { tasks: 10_000, rounds: 1 },
  contenders: [
    { name: "grouped", script: contender("rules_pgtq.ts"), settings: { groups, grouped: true } },
    { name: "ungrouped", script: contender("rules_pgtq.ts"), settings: { groups } },
    { name: "claims, deep queue", ...claims, settings: { groups, depth: 200 } },
    { name: "claims, shallow queue", ...claims, settings: { groups, depth: 2 } },
  ],
  figures: ["rate", "clientMicros", "serverMicros", "walBytes", "p50", "p95"],
  comparisons: [
    { figure: "rate", of: "grouped", to: "ungrouped", atLeast: 0.5 },
    { figure: "p50", of: "claims, deep queue", to: "claims, shallow queue", atMost: 1.5 },
    { figure: "p95", of: "claims, deep queue", to: "claims, shallow queue" },
  ],
});
