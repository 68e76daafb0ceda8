/**
 * Many workers, killed and replaced, on many groups: proves by a log of all handler runs that
 * nothing was lost, that order in groups was kept, and that no limit was exceeded.
 *
 * `deno run -A scripts/stress.ts [options]`; `--help` lists them. The database as for the tests.
 *
 * @module
 */

import process from "node:process";
import postgres from "postgres";
import { close, setup } from "../mod.ts";
import type { Sql } from "../src/db/connection.ts";
import { startEmbedded } from "../src/embedded.ts";
import { createTestDatabase } from "../tests/_support/database.ts";
import { details, figures } from "./stress/figures.ts";
import { judge } from "./stress/judge.ts";
import { type Options, parse, usage } from "./stress/options.ts";
import { connectionsOf } from "./stress/producers.ts";
import { run } from "./stress/run.ts";

/** What a run may take beyond its time to stop and to be judged. */
const graceMs = 60_000;

async function main(options: Options): Promise<number> {
  console.log(`seed ${options.seed}`);
  await using server = process.env.PGTQ_TEST_DATABASE_URL ? undefined : await startEmbedded();
  if (server) process.env.PGTQ_TEST_DATABASE_URL = server.url;
  await using database = await createTestDatabase();
  const { url, sql } = database;
  setup({ url });
  const open = (max: number) => postgres(url, { max, fetch_types: false }) as Sql;
  const pools = { sql, clockSql: open(2), producerSql: open(connectionsOf(options)) };
  const evidence = await run(url, pools, options, { tell: console.log, onAbandon });
  await Promise.all([pools.clockSql.end(), pools.producerSql.end()]);
  await close();
  const judgement = judge(evidence);
  console.log(`\n${figures(evidence, judgement)}`);
  if (judgement.violations.length > 0) console.log(`\n${details(judgement, evidence)}`);
  console.log(`\n${judgement.violations.length} violations, seed ${options.seed}`);
  return judgement.violations.length === 0 ? 0 : 1;
}

/** Workers must not outlive this process; those that are frozen can't see its end. */
function onAbandon(abandon: () => void): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      abandon();
      process.exit(1);
    });
  }
  process.on("exit", abandon);
}

const options = parse(process.argv.slice(2), Math.floor(Math.random() * 1e9));
if (options) {
  setTimeout(() => {
    console.log("the run did not end in time");
    process.exit(1);
  }, options.maxMs + graceMs);
  process.exit(await main(options));
} else {
  console.log(usage);
}
