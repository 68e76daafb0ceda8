/**
 * How graphile-worker is set up for all benches.
 *
 * @module
 */

import { createRequire } from "node:module";
import { databaseUrl } from "../_support/contender.ts";

// Not by `import`: type checkers of the library must not look for packages of the peers.
const require = createRequire(import.meta.url);

/** The package. */
export const graphile = require("graphile-worker");

/** Drops all logs: by default every job is a line on the terminal. */
export const quiet = new graphile.Logger(() => () => {});

/**
 * Settings.
 *
 * Only the concurrency is chosen, the same as pgtq's, with a connection per job and one more, as in
 * its own performance test.
 *
 * With a `localQueue` of so many jobs, which one statement fetches, completions go in batches without
 * a delay. Its documentation on performance and its own performance test have 500 and 0, and say that
 * a much higher number may make sense for very fast jobs. Of 500, 1000, 2000 and 5000, 2000 is best
 * here; 24 jobs at once, as in its own test, or delays of 20 and 250 ms bring nothing.
 *
 * @param {{ concurrentJobs: number, localQueue?: number }} how
 */
export function preset({ concurrentJobs, localQueue }) {
  const batching = {
    localQueue: { size: localQueue },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  };
  return {
    worker: {
      connectionString: databaseUrl(),
      concurrentJobs,
      maxPoolSize: concurrentJobs + 1,
      logger: quiet,
      ...(localQueue ? batching : {}),
    },
  };
}
