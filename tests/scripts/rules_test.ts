import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type File, violations } from "../../scripts/rules.ts";

/** Checks one file, or several. */
function check(path: string, text: string, ...others: readonly (readonly [string, string])[]) {
  return violations(
    [[path, text] as const, ...others].map(([path, text]): File => ({ path, text })),
  );
}

/** Spelled in pieces, as this very file has to pass. */
const home = ["", "home", "ada", "main"].join("/");
const host = ["registry", "npmjs", "org"].join(".");

const broken: readonly [rule: string, path: string, text: string][] = [
  ["imports go down", "src/core/a.ts", 'import { b } from "../db/b.ts";'],
  ["imports go down", "src/db/a.ts", 'import { b } from "../queue.ts";'],
  ["imports go down", "src/queue.ts", 'import type { B } from "./http/b.ts";'],
  ["imports go down", "src/embedded.ts", 'import { b } from "./cli/b.ts";'],
  ["imports go down", "src/db/a.ts", 'const { b } = await import("../engine/b.ts");'],
  ["imports go down", "src/db/a.ts", 'import {\n  b,\n  c,\n} from "../engine/b.ts";'],
  ["is not for src/", "src/db/a.ts", 'import { b } from "../../mod.ts";'],
  ["doors don't import each other", "src/http/a.ts", 'import { b } from "../embedded.ts";'],
  ["mod.ts exports floors 0 to 2", "mod.ts", 'export { b } from "./src/embedded.ts";'],
  ["postgres is not for", "src/db/a.ts", 'import postgres from "postgres";'],
  ["postgres is not for", "src/db/a.ts", 'import postgres from "npm:postgres@^3.4.9";'],
  ["valibot is not for", "src/db/a.ts", 'import * as v from "valibot";'],
  ["valibot is not for", "src/engine/a.ts", 'import * as v from "valibot";'],
  ["valibot is not for", "src/processor.ts", 'import * as v from "valibot";'],
  ["hono is not for", "src/otel.ts", 'import { Hono } from "hono/tiny";'],
  ["@opentelemetry/api is not", "src/engine/a.ts", 'import { trace } from "@opentelemetry/api";'],
  ["@optique/core is not for", "src/queue.ts", 'import { option } from "@optique/core/parser";'],
  ["nothing from jsr:", "tests/a_test.ts", 'import { assert } from "jsr:@std/assert";'],
  [
    "its functions are loose then",
    "tests/a_test.ts",
    'import { equal } from "node:assert' + '/strict";',
  ],
  ["only src/db/ speaks SQL", "src/queue.ts", 'const text = "select 1 from tasks";'],
  ["only src/db/ speaks SQL", "src/queue.ts", "const text = `\n  DELETE FROM ${table}`;"],
  ["only src/db/ speaks SQL", "src/engine/a.ts", 'run("update tasks set vt = now()");'],
  ["only src/db/ speaks SQL", "src/engine/a.ts", "await sql`truncate t`;"],
  ["only src/db/ speaks SQL", "src/engine/a.ts", 'run("insert into t values (1)");'],
  ["only src/db/ speaks SQL", "src/engine/a.ts", 'run("select pg_notify(1)");'],
  ["reads clocks or sets timers", "src/engine/lane.ts", "const t = Date.now();"],
  ["reads clocks or sets timers", "src/db/a.ts", "const t = `${performance.now()}`;"],
  ["reads clocks or sets timers", "src/queue.ts", "setTimeout(run, 5);"],
  ["reads clocks or sets timers", "src/queue.ts", "const t = new Date();"],
  ["reads clocks or sets timers", "src/queue.ts", "use(AbortSignal.timeout(5));"],
  ["reads clocks or sets timers", "src/a.ts", 'import { setTimeout } from "node:timers/promises";'],
  ["only cli.ts touches the process", "src/cli/a.ts", "process.exit(1);"],
  ["only cli.ts touches the process", "src/queue.ts", "if (Deno.args.length) run();"],
  ["only cli.ts touches the process", "src/queue.ts", 'const env = globalThis.process["env"];'],
  ["only cli.ts touches the process", "src/cli/a.ts", 'import process from "node:process";'],
  ["no console", "src/queue.ts", 'console.log("x");'],
  ["no barrels", "src/db/a.ts", 'export { b } from "./b.ts";'],
  ["no barrels", "src/db/a.ts", 'export * from "./b.ts";'],
  ["no any", "tests/a_test.ts", "function f(x: any) {}"],
  ["no any", "src/queue.ts", "const x = y as any;"],
  ["no any", "src/queue.ts", "const x: Map<string, any> = y;"],
  ["no any", "src/queue.ts", "const x: any[] = y;"],
  ["no enum", "scripts/a.ts", "export const enum State { A }"],
  ["no enum", "src/queue.ts", "enum State { A }"],
  ["no default exports", "src/queue.ts", "export default class A {}"],
  ["no default exports", "src/queue.ts", "export { a as default };"],
  ["a file has at most 250 lines", "src/queue.ts", "a();\n".repeat(251)],
  ["a file has at most 250 lines", "scripts/a.ts", "a();\n".repeat(251)],
  ["no path of somebody's machine", "README.md", `cd ${home}`],
  ["no path of somebody's machine", "bench/README.md", "run C:" + "\\Users\\ada\\x"],
  ["no address of a registry", "deno.lock", `{"tarball": "https://${host}/a"}`],
  ["no address of a registry", "bun.lock", `["a@1", "http://10.0.0.1:4873/a.tgz"]`],
  [
    "no address of a registry",
    "package-lock.json",
    JSON.stringify({ resolved: `https://${host}/a` }),
  ],
  ["no address of a registry", ".npmrc", `registry=https://${host}/`],
];

/** Functions whose first line to last are too many, in all their forms. */
const heads = [
  "function f() {",
  "async function f<T>(a: T, b = g()): Promise<Map<string, T>> {",
  "const f = async (a: number): Promise<void> => {",
  "class A {\n  method(): void {",
  "class A {\n  async *#method({ a, b }: Options = {}) {",
  "function f(): { a: number; b(): void } {",
];

describe("broken rules are found:", () => {
  for (const [rule, path, text] of broken) {
    it(`${rule}, in ${path}: ${text.slice(0, 60).replaceAll("\n", " ")}`, () => {
      const found = check(path, text);
      assert.ok(found.some((line) => line.includes(rule)), found.join("\n") || "nothing found");
    });
  }

  for (const head of heads) {
    it(`a long function: ${head.replaceAll("\n", " ")}`, () => {
      const end = head.startsWith("class") ? "}\n}" : "}";
      const of = (lines: number) =>
        check("src/queue.ts", `${head}\n${"a();\n".repeat(lines)}${end}`);
      assert.deepEqual(of(50), []);
      assert.equal(of(65).length, 1);
      assert.match(of(65)[0]!, /a function has at most 60 lines/);
    });
  }

  it("a cycle of imports, however long", () => {
    const found = check(
      "src/core/a.ts",
      'import { b } from "./b.ts";',
      ["src/core/b.ts", 'import { c } from "./c.ts";'],
      ["src/core/c.ts", 'import { type T, a } from "./a.ts";'],
    );
    assert.deepEqual(found, [
      "src/core/a.ts:1: a cycle: src/core/a.ts > src/core/b.ts > src/core/c.ts > src/core/a.ts",
    ]);
  });

  it("with the line they are on", () => {
    const text = '/**\n * A module.\n */\nimport { b } from "./core/b.ts";\n\nconsole.log(b);\n';
    assert.deepEqual(check("src/queue.ts", text), ["src/queue.ts:6: no console"]);
  });

  it("after text that could confuse a reader", () => {
    for (
      const text of [
        "const a = /[\"'`]/;",
        "const a = `${`${b}`}`;",
        "const a = '\\'';",
        "const a = b / c; // it's\n",
        "const a = `\\`${ { b: '}' } }`;",
        "/* ` */ const a = 1 / 2;",
        'f(/\\/*"/, 1);',
      ]
    ) {
      assert.deepEqual(check("src/queue.ts", `${text}\nconsole.log(a);`).length, 1, text);
    }
  });
});

const fine: readonly [path: string, text: string][] = [
  ["src/db/a.ts", 'import { b } from "../core/b.ts";\nimport { c } from "./c.ts";'],
  ["src/db/connection.ts", 'import postgres from "postgres";'],
  ["src/queue_options.ts", 'import * as v from "valibot";'],
  ["src/engine/worker_options.ts", 'import * as v from "valibot";'],
  ["src/http/a.ts", 'import { b } from "./b.ts";\nimport { c } from "../queue.ts";'],
  ["src/db/a.ts", 'const text = "select 1 from tasks";'],
  ["src/engine/clock.ts", "setTimeout(run, Date.now());"],
  ["src/core/input.ts", 'export type { T } from "@standard-schema/spec";'],
  ["src/queue.ts", "// select 1 from tasks; console.log(Date.now() as any)"],
  ["src/queue.ts", 'throw new Error("Cannot select: console.log, process.exit, any");'],
  ["src/queue.ts", "await Promise.any(signals); this.#process(held); const at = new Date(0);"],
  ["src/queue.ts", '/** @example\n * ```ts\n * import a from "../http/a.ts";\n * ```\n */'],
  ["src/db/pgmq_sql.ts", "a();\n".repeat(300)],
  ["tests/a_test.ts", "a();\n".repeat(300)],
  ["tests/a_test.ts", 'console.log(Date.now(), "select 1 from t");\nsetTimeout(run, 5);'],
  ["cli.ts", 'import process from "node:process";\nimport { b } from "./src/cli/b.ts";'],
  ["package-lock.json", '{"funding": {"url": "https://github.com/sponsors/ada"}}'],
  ["src/cli/a.ts", "// deno-lint-ignore no-explicit-any -- Optique's own\nf<any>(1, x as any);"],
  ["README.md", "See https://example.org/home/page and ~/home/x"],
];

describe("what is fine is left alone:", () => {
  for (const [path, text] of fine) {
    it(`${path}: ${text.slice(0, 60).replaceAll("\n", " ")}`, () => {
      assert.deepEqual(check(path, text), []);
    });
  }

  it("types that point back, as nothing is left of them at run time", () => {
    const back = ["src/db/b.ts", 'import type { A } from "./a.ts";'] as const;
    assert.deepEqual(check("src/db/a.ts", 'import { b } from "./b.ts";', back), []);
  });
});
