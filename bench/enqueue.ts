/**
 * Claim: many tasks go in at 100,000 a second or more, and single ones at least as fast as others'.
 *
 * Targets: `enqueueMany` of 100,000 tasks at 100,000/s; single `enqueue` calls, in sequence and 16 at
 * once, at least 1 × graphile-worker's `addJob`.
 *
 * `deno run -A bench/enqueue.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, type ContenderSpec, peer } from "./_support/bench.ts";

/** Single calls take long: they get fewer tasks. */
const ways = [
  { way: "many", share: 1, settings: {} },
  { way: "one by one", share: 0.03, settings: { flows: 1 } },
  { way: "16 at once", share: 0.1, settings: { flows: 16 } },
];
const producers = [
  { name: "pgtq", script: contender("enqueue_pgtq.ts") },
  { name: "graphile-worker", script: peer("graphile_enqueue.mjs") },
  { name: "pg-boss", script: peer("pgboss_enqueue.mjs") },
];

await bench({
  name: "enqueue",
  claim: "many tasks go in at 100,000 a second, single ones as fast as those of its peers",
  full: { tasks: 100_000, rounds: 5 },
  quick: { tasks: 10_000, rounds: 1 },
  contenders: ways.flatMap(({ way, ...how }) =>
    producers.map(({ name, script }): ContenderSpec => ({
      name: `${name}, ${way}`,
      script,
      ...how,
    }))
  ),
  comparisons: [
    { figure: "rate", of: "pgtq, many", atLeast: 100_000 },
    ...ways.flatMap(({ way }) => [
      {
        figure: "rate",
        of: `pgtq, ${way}`,
        to: `graphile-worker, ${way}`,
        ...(way === "many" ? {} : { atLeast: 1 }),
      },
      { figure: "rate", of: `pgtq, ${way}`, to: `pg-boss, ${way}` },
    ]),
  ],
});
