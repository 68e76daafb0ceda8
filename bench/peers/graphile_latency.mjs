/**
 * An idle graphile-worker with default settings, one job at a time as in its own latency test, woken
 * by `LISTEN`. Batching is for throughput.
 *
 * @module
 */

import { contend, databaseUrl } from "../_support/contender.ts";
import { latencies } from "../_support/latencies.ts";
import { graphile, preset, quiet } from "./graphile.mjs";

let utils;
let runner;
let started = () => {};

await contend({
  async prepare() {
    utils = await graphile.makeWorkerUtils({
      connectionString: databaseUrl(),
      logger: quiet,
    });
    await utils.migrate();
    runner = await graphile.run({
      preset: preset({ concurrentJobs: 1 }),
      noHandleSignals: true,
      taskList: { bench: () => started() },
    });
    // Once a first job is done, it listens and its connections are open.
    const ready = new Promise((resolve) => started = resolve);
    await utils.addJob("bench", {});
    await ready;
  },
  run: ({ tasks }) =>
    latencies(tasks, (onStart) => {
      started = onStart;
      return utils.addJob("bench", {});
    }),
  async finish() {
    await runner.stop();
    await utils.release();
  },
});
