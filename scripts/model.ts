/**
 * Random interleavings of producers, workers, crashes and redrives on a real Postgres, compared with
 * a model in memory: as `tests/model/order_test.ts`, for as many runs as one has time for.
 *
 * `deno run -A scripts/model.ts [runs] [seed] [path]`; a path, from a report, repeats that run only.
 *
 * @module
 */

import process from "node:process";
import { startEmbedded } from "../src/embedded.ts";
import { check } from "../tests/model/check.ts";
import { Tally } from "../tests/model/situations.ts";
import { createTestDatabase } from "../tests/_support/database.ts";

/** As many as keep two processors busy: one runs the model, one Postgres. */
const flows = 4;

/** How often to tell how far it is. */
const tellMs = 60_000;

async function main([runs = 100_000, seed = newSeed()]: number[], path?: string): Promise<number> {
  console.log(`seed ${seed}`);
  await using server = process.env.PGTQ_TEST_DATABASE_URL ? undefined : await startEmbedded();
  if (server) process.env.PGTQ_TEST_DATABASE_URL = server.url;
  await using database = await createTestDatabase();
  const tally = new Tally();
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  const telling = setInterval(() => console.log(`${seconds()} s: ${tally.runs} runs`), tellMs);
  let failures = 0;
  const onFailure = (report: string) => {
    failures++;
    console.log(`\n${report}\n`);
  };
  await check({ url: database.url, runs, seed, flows, path, tally, onFailure });
  clearInterval(telling);
  console.log(`\n${tally}`);
  console.log(`\n${failures} failures, seed ${seed}, ${seconds()} s`);
  return failures === 0 ? 0 : 1;
}

function newSeed(): number {
  return Math.floor(Math.random() * 2 ** 30);
}

function whole(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new TypeError(`Runs and seed must be whole numbers: current value is ${text}`);
}

const [runs, seed, path] = process.argv.slice(2);
const numbers = [runs, seed].filter((text) => text !== undefined).map(whole);
process.exit(await main(numbers, path));
