/**
 * graphile-worker, with its default settings or tuned. Finished jobs are deleted, as it always does.
 *
 * @module
 */

import { contend, databaseUrl } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";
import { graphile, preset, quiet } from "./graphile.mjs";

/** @type {import("../_support/contender.ts").Steps} */
const steps = {
  async prepare({ tasks }) {
    const utils = await graphile.makeWorkerUtils({
      connectionString: databaseUrl(),
      logger: quiet,
    });
    await utils.migrate();
    await utils.withPgClient((client) => client.query("truncate graphile_worker._private_jobs"));
    await inChunks(
      tasks,
      (numbers) =>
        utils.addJobs(
          numbers.map((n) => ({ identifier: "bench", payload: { n } })),
        ),
    );
    await utils.release();
  },
  async run({ tasks, localQueue }) {
    let count = 0;
    const bench = () => void count++;
    // Ends with the last job, as with `--once` in its own performance test.
    await graphile.runOnce({
      preset: preset({ concurrentJobs: 10, localQueue }),
      taskList: { bench },
    });
    if (count !== tasks) throw new Error(`${count} of ${tasks} jobs were run`);
  },
};

await contend(steps);
