/**
 * Claim: a worker with default options drains a full queue of 100,000 instant tasks faster than the
 * peers do with their best documented settings, and about as fast as bare statements.
 *
 * "Tuned" is what graphile-worker's documentation has, "2000" goes further where it says one may.
 *
 * Targets: with an archive at least 2.5 × graphile-worker tuned, 2.5 × pg-boss by hand, 15 ×
 * graphile-worker with defaults, 0.8 × the bare statements; without, 3 × graphile-worker tuned.
 *
 * `deno run -A bench/drain.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, peer } from "./_support/bench.ts";

const rate = { figure: "rate", of: "pgtq" };
const rateWithout = { figure: "rate", of: "pgtq, no archive" };

await bench({
  name: "drain",
  claim: "a worker drains a full queue of instant tasks faster than its peers",
  full: { tasks: 100_000, rounds: 5 },
  quick: { tasks: 5_000, rounds: 1 },
  contenders: [
    { name: "pgtq", script: contender("drain_pgtq.ts"), settings: { archive: true } },
    { name: "pgtq, no archive", script: contender("drain_pgtq.ts"), settings: { archive: false } },
    { name: "read and archive", script: contender("drain_pgmq.ts"), settings: { archive: true } },
    { name: "read and delete", script: contender("drain_pgmq.ts"), settings: { archive: false } },
    { name: "graphile-worker", script: peer("graphile_drain.mjs"), share: 0.1 },
    {
      name: "graphile-worker, tuned",
      script: peer("graphile_drain.mjs"),
      settings: { localQueue: 500 },
    },
    {
      name: "graphile-worker, 2000",
      script: peer("graphile_drain.mjs"),
      settings: { localQueue: 2000 },
    },
    { name: "pg-boss, work()", script: peer("pgboss_drain.mjs") },
    { name: "pg-boss, by hand", script: peer("pgboss_drain.mjs"), settings: { hand: true } },
  ],
  comparisons: [
    { ...rate, to: "graphile-worker, tuned", atLeast: 2.5 },
    { ...rate, to: "graphile-worker, 2000" },
    { ...rate, to: "pg-boss, by hand", atLeast: 2.5 },
    { ...rate, to: "pg-boss, work()" },
    { ...rate, to: "graphile-worker", atLeast: 15 },
    { ...rate, to: "read and archive", atLeast: 0.8 },
    { ...rateWithout, to: "graphile-worker, tuned", atLeast: 3 },
    { ...rateWithout, to: "graphile-worker, 2000" },
    { ...rateWithout, to: "read and delete" },
  ],
});
