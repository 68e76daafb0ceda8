import assert from "node:assert/strict";
import process from "node:process";
import { describe, it } from "node:test";
import type { Receipt } from "../../src/core/task.ts";
import { claim } from "../../src/db/claim.ts";
import { complete } from "../../src/db/settle.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import { pages, type PlanNode } from "../_support/cost.ts";
import { fileDatabase } from "../_support/file_database.ts";

const database = fileDatabase();

const skip = process.env.PGTQ_COST_TESTS === "skip" && "another runtime asks the same server";

/** What a statement costs the server, per task. */
interface Cost {
  /** Pages of shared memory, found or read. */
  readonly pages: number;
  /** Records in the write-ahead log. */
  readonly records: number;
}

/** Explains the statements that `use` sends instead of only running them. */
async function costOf(site: Site, tasks: number, use: (site: Site) => Promise<unknown>) {
  const costs: Cost[] = [];
  const explaining = {
    async unsafe(text: string, parameters: string[], options: object) {
      const explain = `explain (analyze, buffers, wal, timing off, format json) ${text}`;
      const [row] = await database.sql.unsafe(explain, parameters, options);
      const plan: PlanNode = row!["QUERY PLAN"][0].Plan;
      // What nobody asks for the result of is carried out after the rest, and not part of its sum.
      const late = plan.Plans!.filter((part) => part["Subplan Name"] === "CTE kept");
      const sum = (of: (plan: PlanNode) => number) =>
        [plan, ...late].reduce((total, part) => total + of(part), 0) / tasks;
      costs.push({
        pages: sum(pages),
        records: sum((part) => part["WAL Records"]!),
      });
      return [{ ids: null, lost: "" }];
    },
  };
  await use({ ...site, sql: explaining as unknown as Site["sql"] });
  return costs[0]!;
}

/**
 * The work of the hot path, which doesn't depend on the machine. A queue of 20,000 tasks, so that its
 * indexes are two pages high; each page that is touched more is one more that a task has to wait for.
 */
describe("the cost of a task, in pages and records of the log", { skip }, () => {
  it("is bounded", async () => {
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(20_000).fill({ n: 1 }));
    // To lock a row on a page that a vacuum, if it got that far, has marked takes one page more.
    const table = `pgmq.q_${queue.name}`;
    await database.sql.unsafe(
      `alter table ${table} set (autovacuum_enabled = off); analyze ${table}`,
    );
    const site = await siteOf(database.sql, queue.definition.tables, "Cannot test");
    const limit = 1000;
    const claiming = (site: Site) => claim(site, { limit, leaseMs: 60_000 });
    const receipts: Receipt[] = (await claiming(site)).deliveries;
    const completing = (archive: boolean) => (site: Site) =>
      complete(site, archive ? receipts.slice(0, 500) : receipts.slice(500), archive);
    // Before Postgres 17 `= any` goes down the index for each id, not from the last one on.
    const [server] = await database.sql<{ old: boolean }[]>`
      select current_setting('server_version_num')::int < 170000 as old`;
    below({ pages: server!.old ? 14 : 12, records: 6.5 }, await costOf(site, limit, claiming));
    below({ pages: 11.5, records: 4.5 }, await costOf(site, 500, completing(true)));
    below({ pages: 8, records: 1.5 }, await costOf(site, 500, completing(false)));
  });
});

function below(bound: Cost, cost: Cost): void {
  assert.ok(cost.pages <= bound.pages && cost.records <= bound.records, JSON.stringify(cost));
}
