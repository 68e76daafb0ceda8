/**
 * Claims of 100 tasks in the turn of their groups, on a queue that is kept at its depth: each claim
 * is timed, and its tasks are completed before the next one, as a drain goes on.
 *
 * @module
 */

import { close, createQueue, setup } from "../../mod.ts";
import { connection } from "../../src/db/connection.ts";
import type { Round } from "../../src/db/round.ts";
import { complete } from "../../src/db/settle.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import { claimStrictly } from "../../src/db/strict.ts";
import { Turns } from "../../src/db/turns.ts";
import { contend, databaseUrl } from "../_support/contender.ts";
import { percentiles } from "../_support/latencies.ts";
import { Stock } from "../_support/tasks.ts";

const rules = { grouped: true, lifo: false, limit: undefined };
const limit = 100;

setup({ url: databaseUrl() });
let site: Site;
let stock: Stock;
let round: Round | undefined;

await contend({
  async prepare({ tasks, depth, groups }) {
    const queue = createQueue(`bench_claims_${depth}`);
    stock ??= new Stock(queue);
    // One of each group at least: a claim takes no more than the first ones.
    const size = Math.max(Number(groups), Math.round(tasks * Number(depth)));
    await stock.fill(size, { groups: Number(groups) });
    site = await siteOf(connection(), queue.definition.tables, "Cannot measure");
  },
  async run({ tasks }) {
    await using turns = new Turns(connection());
    const times: number[] = [];
    for (let count = 0; count < tasks; count += limit) {
      const start = performance.now();
      const claim = await claimStrictly(site, turns, { limit, leaseMs: 30_000, rules, round });
      times.push(performance.now() - start);
      if (claim.deliveries.length < limit) {
        throw new Error(`A claim of ${limit} tasks brought ${claim.deliveries.length}`);
      }
      round = claim.round;
      await complete(site, claim.deliveries, true);
      stock.take(limit);
    }
    return percentiles(times);
  },
  finish: close,
});
