/**
 * Claim: our claim and complete statements cost about what pgmq's own read and archive do, at any
 * batch size; and how far a client is from what the server can do alone.
 *
 * Target: at batches of 1000 at least 0.8 × `pgmq.read` and `pgmq.archive` through the same driver.
 *
 * `deno run -A bench/read_archive.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, type ContenderSpec } from "./_support/bench.ts";

/** Small batches take long: they get fewer tasks. */
const batches = [
  { batch: 1, share: 0.05 },
  { batch: 10, share: 0.2 },
  { batch: 100, share: 1 },
  { batch: 1000, share: 1 },
];
const ways = [
  { name: "claim and complete", script: contender("statements_pgtq.ts") },
  { name: "read and archive", script: contender("drain_pgmq.ts") },
  { name: "server alone", script: contender("server_pgmq.ts") },
];

await bench({
  name: "read_archive",
  claim: "claim and complete cost about what pgmq's own read and archive do",
  full: { tasks: 100_000, rounds: 5 },
  quick: { tasks: 10_000, rounds: 1 },
  contenders: batches.flatMap(({ batch, share }) =>
    ways.map(({ name, script }): ContenderSpec => ({
      name: `${name}, ${batch}`,
      script,
      settings: { batch, archive: true },
      share,
    }))
  ),
  comparisons: batches.flatMap(({ batch }) => [
    {
      figure: "rate",
      of: `claim and complete, ${batch}`,
      to: `read and archive, ${batch}`,
      ...(batch === 1000 ? { atLeast: 0.8 } : {}),
    },
    { figure: "rate", of: `claim and complete, ${batch}`, to: `server alone, ${batch}` },
  ]),
});
