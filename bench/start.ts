/**
 * Claim: a worker that is started has done its first task in less than half a second.
 *
 * Target: at most 400 ms from the start of `cli.ts worker <module>`, as a process with a warm cache,
 * until the task that was queued before is in the archive.
 *
 * `deno run -A bench/start.ts [--quick] [--rounds n]`
 *
 * @module
 */

import { bench, contender } from "./_support/bench.ts";

await bench({
  name: "start",
  claim: "a worker that is started has done its first task in less than half a second",
  full: { tasks: 1, rounds: 10 },
  quick: { tasks: 1, rounds: 3 },
  contenders: [{ name: "cli.ts worker", script: contender("start_pgtq.ts") }],
  figures: ["start"],
  comparisons: [{ figure: "start", of: "cli.ts worker", atMost: 400 }],
});
