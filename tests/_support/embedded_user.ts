/**
 * A program that uses the embedded Postgres: says its address, and stops it when its input ends.
 *
 * @module
 */

import process from "node:process";
import { startEmbedded } from "../../src/embedded.ts";

const [dataDir, end] = process.argv.slice(2);
const server = await startEmbedded(dataDir ? { dataDir } : {});
process.stdout.write(`${server.url}\n`);

for await (const _ of process.stdin);
// A program that forgets to stop ends all the same.
if (end !== "forget") await server.stop();
