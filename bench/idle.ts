/**
 * Claim: a worker with nothing to do asks the database once a second and uses next to no CPU.
 *
 * Targets: at most 1 statement/s for its one queue, and 1 % of a core. It is watched for as many
 * seconds as `--tasks` says. With order and a limit each look is three statements, sent in one go.
 *
 * `deno run -A bench/idle.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

const script = contender("idle_pgtq.ts");

await bench({
  name: "idle",
  claim: "a worker with nothing to do asks once a second",
  full: { tasks: 60, rounds: 3 },
  quick: { tasks: 5, rounds: 1 },
  contenders: [
    { name: "worker", script },
    { name: "worker, grouped and limited", script, settings: { strict: true } },
  ],
  figures: ["statements", "cpu"],
  comparisons: [
    { figure: "statements", of: "worker", atMost: 1 },
    { figure: "cpu", of: "worker", atMost: 1 },
  ],
});
