/**
 * Claim: a queue is drained quickly while another session holds a snapshot open, so that nothing that
 * dies can be vacuumed: a long report or a stuck replica doesn't bring the workers down.
 *
 * Target: 200,000 tasks are drained at 0.6 × the rate without the snapshot or more. The peers get
 * fewer jobs, as they get slower with every job: with as many they would look worse.
 *
 * `deno run -A bench/pinned_xmin.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, type ContenderSpec, peer } from "./_support/bench.ts";
import { openSnapshot } from "./_support/snapshot.ts";

const workers: ContenderSpec[] = [
  { name: "pgtq", script: contender("drain_pgtq.ts"), settings: { archive: true } },
  {
    name: "graphile-worker, tuned",
    script: peer("graphile_drain.mjs"),
    settings: { localQueue: 500 },
    share: 0.25,
  },
  {
    name: "pg-boss, by hand",
    script: peer("pgboss_drain.mjs"),
    settings: { hand: true },
    share: 0.25,
  },
];
const pinned = (name: string) => `${name}, pinned`;

await bench({
  name: "pinned_xmin",
  claim: "an open snapshot of another session doesn't bring the workers down",
  full: { tasks: 200_000, rounds: 3 },
  quick: { tasks: 10_000, rounds: 1 },
  contenders: workers.flatMap((worker) => [
    worker,
    { ...worker, name: pinned(worker.name), during: openSnapshot },
  ]),
  comparisons: workers.map(({ name }) => ({
    figure: "rate",
    of: pinned(name),
    to: name,
    ...(name === "pgtq" ? { atLeast: 0.6 } : {}),
  })),
});
