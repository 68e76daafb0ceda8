/**
 * Claim: producers don't pay for notifications while workers are busy.
 *
 * Target: 16 producers of single tasks get at least 0.9 of the rate that they have without any
 * notification, while a worker has a backlog to work on. Shown besides: a worker that keeps up, and
 * so has to be woken again and again.
 *
 * `deno run -A bench/notify.ts [--quick] [--tasks n] [--rounds n]`
 *
 * @module
 */

import { bench, contender, type ContenderSpec } from "./_support/bench.ts";

const script = contender("notify_pgtq.ts");
const backlog = { backlog: 2000 };
const keepsUp = { backlog: 0 };

const fighter = (name: string, settings: object): ContenderSpec => ({
  name,
  script,
  settings: { ...settings },
});

await bench({
  name: "notify",
  claim: "producers don't pay for notifications while workers are busy",
  full: { tasks: 20_000, rounds: 5 },
  quick: { tasks: 2_000, rounds: 1 },
  contenders: [
    fighter("notifying, backlog", { notify: true, ...backlog }),
    fighter("silent, backlog", { notify: false, ...backlog }),
    fighter("notifying, worker keeps up", { notify: true, ...keepsUp }),
    fighter("silent, worker keeps up", { notify: false, ...keepsUp }),
  ],
  comparisons: [
    { figure: "rate", of: "notifying, backlog", to: "silent, backlog", atLeast: 0.9 },
    { figure: "rate", of: "notifying, worker keeps up", to: "silent, worker keeps up" },
  ],
});
