/**
 * Claim: an idle worker starts a task within 2 ms of its enqueuing, and never later than others do.
 *
 * Targets: p50 at most 2 ms, p99 at most 6 ms, both at most graphile-worker's of the same run.
 * pg-boss is given its notifications, which are off by default.
 *
 * `deno run -A bench/latency.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, peer } from "./_support/bench.ts";

const p50 = { figure: "p50", of: "pgtq" };
const p99 = { figure: "p99", of: "pgtq" };

await bench({
  name: "latency",
  claim: "an idle worker starts a task sooner than its peers",
  full: { tasks: 1000, rounds: 5 },
  quick: { tasks: 200, rounds: 1 },
  contenders: [
    { name: "pgtq", script: contender("latency_pgtq.ts") },
    { name: "graphile-worker", script: peer("graphile_latency.mjs") },
    { name: "pg-boss, notified", script: peer("pgboss_latency.mjs") },
  ],
  figures: ["p50", "p95", "p99", "clientMicros", "serverMicros"],
  comparisons: [
    { ...p50, atMost: 2 },
    { ...p99, atMost: 6 },
    { ...p50, to: "graphile-worker", atMost: 1 },
    { ...p99, to: "graphile-worker", atMost: 1 },
    { ...p50, to: "pg-boss, notified" },
  ],
});
