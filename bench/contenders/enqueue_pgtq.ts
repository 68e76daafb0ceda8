/**
 * A producer: one `enqueueMany`, or single calls in a number of flows.
 *
 * @module
 */

import { close, createQueue, setup } from "../../mod.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { inFlows } from "../_support/flows.ts";

setup({ url: databaseUrl() });
const queue = createQueue<{ n: number }>("bench_enqueue");

await contend({
  async prepare({ flows }) {
    await queue.drop();
    await queue.create();
    // Connections open on demand, and stay.
    await inFlows(Number(flows ?? 1), Number(flows ?? 1), (n) => queue.enqueue({ n }));
  },
  async run({ tasks, flows }) {
    if (flows) await inFlows(tasks, Number(flows), (n) => queue.enqueue({ n }));
    else await queue.enqueueMany(Array.from({ length: tasks }, (_, n) => ({ n })));
  },
  finish: close,
});
