/**
 * Runs benches, one after another, on one durable Postgres: a throwaway one, or what
 * `PGTQ_BENCH_DATABASE_URL` names. `report` writes the results kept to `bench/README.md` instead.
 *
 * `deno run -A scripts/bench.ts [name …] [--runtime deno|bun] [--quick]
 *   [--tasks n] [--rounds n] [--only text]`
 * `deno run -A scripts/bench.ts report`
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { report } from "../bench/_support/report.ts";
import { ownCommand, programOf } from "../bench/_support/runtimes.ts";
import { startServer } from "../bench/_support/server.ts";

const folder = new URL("../bench/", import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runtime: { type: "string", default: "deno" },
    quick: { type: "boolean", default: false },
    tasks: { type: "string" },
    rounds: { type: "string" },
    only: { type: "string" },
  },
});

/** The command that runs a bench; Bun in the version that is known to work. */
function commandOf(name: string): string[] {
  const file = fileURLToPath(new URL(`${name}.ts`, folder));
  if (values.runtime === "deno") return ownCommand(file);
  if (values.runtime === "bun") return [programOf("bun@1.4.5"), file];
  throw new TypeError(`There is no runtime ${values.runtime}: deno or bun`);
}

/** What is passed on to the benches. */
function counts(): string[] {
  const given = (["tasks", "rounds", "only"] as const).filter((name) => values[name] !== undefined);
  return [
    ...given.map((name) => `--${name}=${values[name]}`),
    ...(values.quick ? ["--quick"] : []),
  ];
}

let child: ChildProcess | undefined;
let interrupted = false;

async function run(name: string, server: string): Promise<boolean> {
  const [command, ...parameters] = [...commandOf(name), ...counts()];
  child = spawn(command!, parameters, {
    stdio: "inherit",
    env: { ...process.env, PGTQ_BENCH_DATABASE_URL: server },
  });
  const code = await new Promise((resolve) => child!.on("close", resolve));
  if (code !== 0) console.error(`${name} has failed`);
  return code === 0;
}

async function main(): Promise<number> {
  if (positionals[0] === "report") return report();
  const known = readdirSync(folder).filter((file) => file.endsWith(".ts")).toSorted()
    .map((file) => file.slice(0, -3));
  const unknown = positionals.find((name) => !known.includes(name));
  if (unknown) throw new TypeError(`There is no bench ${unknown}: ${known.join(", ")} or report`);
  // The bench that runs ends first, and then the server can.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      interrupted = true;
      child?.kill("SIGTERM");
    });
  }
  await using server = await startServer();
  let failures = 0;
  for (const name of positionals.length > 0 ? positionals : known) {
    if (!interrupted && !await run(name, server.url)) failures++;
  }
  return failures === 0 && !interrupted ? 0 : 1;
}

process.exit(await main());
