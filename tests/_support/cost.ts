/**
 * What statements cost: how many pages of shared memory Postgres touches for them.
 *
 * @module
 */

import postgres from "postgres";
import type { Sql } from "../../src/db/connection.ts";

/** How one statement was carried out. */
export interface Cost {
  /** Shared buffers, found or read. */
  readonly buffers: number;
  /** How many rows came out of each part that has a name, by `CTE <name>` and the like. */
  readonly rows: Readonly<Record<string, number>>;
  /** One line per node: its type, what it reads, how many rows and pages. */
  readonly plan: string;
}

/** A node of a plan that was carried out, as `explain (analyze, buffers, format json)` has it. */
export interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Shared Hit Blocks": number;
  readonly "Shared Read Blocks": number;
  /** With `wal`. */
  readonly "WAL Records"?: number;
  readonly "Subplan Name"?: string;
  readonly "Actual Rows": number;
  readonly Plans?: readonly PlanNode[];
}

interface Statement {
  readonly text: string;
  readonly parameters: readonly string[];
}

/**
 * Carries out the one statement that `use` sends besides those for its turn, as planned for its
 * parameters and as planned for any, each in a transaction that has its turn and is undone.
 */
export async function costsOf(
  url: string,
  use: (sql: Sql) => Promise<unknown>,
): Promise<{ custom: Cost; generic: Cost }> {
  const sent: Statement[] = [];
  await using sql = pool(url, (text, parameters) => {
    sent.push({ text, parameters: [...parameters] });
  });
  await use(sql);
  const turn = sent.find(({ text }) => text.startsWith("begin"))?.text ?? "begin";
  const [statement] = sent.filter(({ text }) => text.includes(" flights "));
  await using other = pool(url);
  return {
    custom: await costOf(other, turn, statement!, "custom"),
    generic: await costOf(other, turn, statement!, "generic"),
  };
}

async function costOf(
  sql: Sql,
  turn: string,
  { text, parameters }: Statement,
  kind: "custom" | "generic",
): Promise<Cost> {
  await sql.unsafe(turn);
  // Whatever the turn's own bounds are, this is not about time.
  await sql.unsafe(
    `set local statement_timeout = 0; set local plan_cache_mode = force_${kind}_plan`,
  );
  await sql.unsafe(`prepare measured as ${text}`);
  const values = parameters.map((value) => value === null ? "null" : `'${value}'`).join(", ");
  const explain = "explain (analyze, buffers, timing off, format json) execute measured";
  const [row] = await sql.unsafe<{ "QUERY PLAN": { Plan: PlanNode }[] }[]>(
    `${explain}${values && `(${values})`}`,
  );
  await sql.unsafe("rollback; deallocate measured");
  const { Plan: plan } = row!["QUERY PLAN"][0]!;
  const rows: Record<string, number> = {};
  const lines: string[] = [];
  const visit = (node: PlanNode, depth: number) => {
    const { "Subplan Name": name = "", "Actual Rows": found, "Relation Name": table = "" } = node;
    if (name) rows[name] = found;
    const what = [name, node["Node Type"], node["Index Name"] ?? "", table].filter(Boolean).join(
      " ",
    );
    lines.push(`${" ".repeat(depth)}${what}: ${found} rows, ${pages(node)} pages`);
    node.Plans?.forEach((child) => visit(child, depth + 1));
  };
  visit(plan, 0);
  return { buffers: pages(plan), rows, plan: lines.join("\n") };
}

/** How many shared buffers a node touched, with all below it. */
export function pages(node: PlanNode): number {
  return node["Shared Hit Blocks"] + node["Shared Read Blocks"];
}

function pool(url: string, sent: (text: string, parameters: readonly string[]) => void = () => {}) {
  const sql = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: () => {},
    debug: (_, text, parameters) => sent(text, parameters),
  });
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) });
}
