/**
 * A worker with rules as a process of its own, to be killed: `strict_process.ts <url> <queue> <rules>`.
 *
 * Its handler never returns; it says `claimed` for every task. The rules are JSON.
 *
 * @module
 */

import process from "node:process";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import { wayTo } from "./pooler.ts";

const [url, name, rules] = process.argv.slice(2) as [string, string, string];
setup(wayTo(url));

const options = { ...JSON.parse(rules), timeout: "1h" };
const onTask = processor(createQueue(name), options, () => new Promise(() => {}));
const worker = new Worker({ processors: [onTask], concurrencyLimit: 5, lease: "1s" });
worker.on("claimed", () => console.log("claimed"));
await worker.run();
