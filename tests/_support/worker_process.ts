/**
 * A worker as a process of its own, to be killed: `worker_process.ts <url> <queue> <mode>`.
 *
 * Prints every event as a line of JSON. In mode `hang` its handler never returns; in mode `crash`
 * it takes the process with it; in mode `quick` it returns at once.
 *
 * @module
 */

import process from "node:process";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import { wayTo } from "./pooler.ts";

const [url, name, mode] = process.argv.slice(2) as [string, string, string];
setup(wayTo(url));

const onTask = processor(createQueue(name), { maxRetries: 3, timeout: "1h" }, () => {
  if (mode === "crash") process.kill(process.pid, "SIGKILL");
  if (mode !== "quick") return new Promise(() => {});
});
const worker = new Worker({
  processors: [onTask],
  lease: mode === "crash" ? "300ms" : "1s",
  pollInterval: "50ms",
  gracePeriod: "50ms",
});
for (const event of ["claimed", "completed", "released"] as const) {
  worker.on(event, ({ id }) => console.log(JSON.stringify({ event, id })));
}
process.on("SIGTERM", () => void worker.stop());
await worker.run();
console.log(JSON.stringify({ event: "stopped" }));
