/**
 * A producer of pg-boss: `insert` in statements of 10,000, or single `send` calls. The queue doesn't
 * notify, as by default.
 *
 * @module
 */

import { contend } from "../_support/contender.ts";
import { inChunks } from "../_support/fill.ts";
import { inFlows } from "../_support/flows.ts";
import { freshQueue, queue, startBoss } from "./pgboss.mjs";

let boss;

const sendOne = (n) => boss.send(queue, { n });

await contend({
  async prepare({ flows = 1 }) {
    // As many connections as flows: the default of ten would hold some of them up.
    boss = await startBoss({ max: Math.max(10, flows) });
    await freshQueue(boss);
    await inFlows(flows, flows, sendOne);
  },
  async run({ tasks, flows }) {
    if (flows) await inFlows(tasks, flows, sendOne);
    else {
      await inChunks(
        tasks,
        (numbers) => boss.insert(queue, numbers.map((n) => ({ data: { n } }))),
      );
    }
  },
  finish: () => boss.stop({ graceful: false }),
});
