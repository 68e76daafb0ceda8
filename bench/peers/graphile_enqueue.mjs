/**
 * A producer of graphile-worker: `addJobs` in statements of 10,000, or single `addJob` calls.
 *
 * @module
 */

import { contend, databaseUrl } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";
import { inFlows } from "../_support/flows.ts";
import { graphile, quiet } from "./graphile.mjs";

let utils;

const addOne = (n) => utils.addJob("bench", { n });

await contend({
  async prepare({ flows = 1 }) {
    // As many connections as flows: the default of ten would hold some of them up.
    utils = await graphile.makeWorkerUtils({
      connectionString: databaseUrl(),
      maxPoolSize: Math.max(10, flows),
      logger: quiet,
    });
    await utils.migrate();
    await utils.withPgClient((client) => client.query("truncate graphile_worker._private_jobs"));
    await inFlows(flows, flows, addOne);
  },
  async run({ tasks, flows }) {
    if (flows) await inFlows(tasks, flows, addOne);
    else {
      await inChunks(
        tasks,
        (numbers) =>
          utils.addJobs(
            numbers.map((n) => ({ identifier: "bench", payload: { n } })),
          ),
      );
    }
  },
  finish: () => utils.release(),
});
