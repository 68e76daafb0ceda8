/**
 * Runs the tests on one runtime or on several, with one throwaway Postgres for all of them, or with
 * one of each major version that is named; with `--postgres` alone, one of each that is known.
 *
 * `deno run -A scripts/run_tests.ts [deno|node|bun|doc …] [--postgres [14|15|16|17|18 …]] [-- files]`
 *
 * @module
 */

import { spawn } from "node:child_process";
import process from "node:process";
import { type EmbeddedPostgres, startEmbedded } from "../src/embedded.ts";
import { BINARIES_VERSION } from "../src/embedded/binaries.ts";

interface Runtime {
  readonly command: readonly string[];
  readonly files: readonly string[];
  /** Finds the counts of passed and failed tests in what the runtime prints. */
  readonly passed: RegExp;
  readonly failed: RegExp;
  readonly env?: Readonly<Record<string, string>>;
}

/** The newest binaries of each major version of Postgres that are known to work. */
const versions: Readonly<Record<string, string>> = {
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: BINARIES_VERSION,
};

/** What the server does is the same whoever asks for it: one runtime goes into all of it. */
const briefly = {
  PGTQ_MODEL_RUNS: "100",
  PGTQ_COST_TESTS: "skip",
  PGTQ_TEST_PGMQ: process.env.PGTQ_TEST_PGMQ || "ours",
};

/** The versions that are known to work; npm gets them where they are not installed. */
const runtimes: Readonly<Record<string, Runtime>> = {
  deno: {
    command: [process.execPath, "test", "-A", "--quiet", "--parallel"],
    files: ["tests"],
    passed: /\d+ passed \((\d+) steps?\)/,
    failed: /\d+ failed \((\d+) steps?\)/,
  },
  /** The examples in the docs, for real: `DATABASE_URL` names the throwaway Postgres. */
  doc: {
    command: [process.execPath, "test", "-A", "--quiet", "--doc"],
    files: ["mod.ts", "src", "README.md"],
    passed: /(\d+) passed/,
    failed: /(\d+) failed/,
  },
  node: {
    command: ["npx", "--yes", "node@24", "--test", "--test-concurrency=3"],
    files: ["tests/**/*_test.ts"],
    passed: /^(?:ℹ|#) pass (\d+)/m,
    failed: /^(?:ℹ|#) fail (\d+)/m,
    env: briefly,
  },
  bun: {
    command: ["npx", "--yes", "bun@1.4.5", "test", "--timeout", "60000"],
    files: ["tests"],
    passed: /^ *(\d+) pass$/m,
    failed: /^ *(\d+) fail$/m,
    env: briefly,
  },
};

interface Count {
  readonly passed: number;
  readonly failed: number;
}

async function main(parameters: readonly string[]): Promise<number> {
  const [options, files = []] = split(parameters, "--");
  const [names, majors] = split(options, "--postgres");
  const counts: Count[] = [];
  for (const major of majors?.length === 0 ? Object.keys(versions) : majors ?? [undefined]) {
    await using server = await serverOf(major);
    for (const name of names.length > 0 ? names : ["deno"]) {
      const runtime = runtimes[name];
      if (!runtime) throw new TypeError(`There is no runtime ${name}: deno, node, bun or doc`);
      const count = await run(runtime, files, server.url);
      console.log(`${name}${major ? ` on Postgres ${major}` : ""}: ${line(count)}\n`);
      counts.push(count);
    }
  }
  const total = counts.reduce((sum, { passed, failed }) => ({
    passed: sum.passed + passed,
    failed: sum.failed + failed,
  }));
  console.log(line(total));
  return total.failed === 0 ? 0 : 1;
}

/** What is before a word and what is after it, which is nothing at all without the word. */
function split(words: readonly string[], at: string): [string[], string[]?] {
  const index = words.indexOf(at);
  return index < 0 ? [[...words]] : [words.slice(0, index), words.slice(index + 1)];
}

/** A throwaway Postgres; if it may be any, the one in the environment goes first. */
async function serverOf(major?: string): Promise<Pick<EmbeddedPostgres, "url"> & AsyncDisposable> {
  const url = process.env.PGTQ_TEST_DATABASE_URL;
  if (url && !major) return { url, async [Symbol.asyncDispose]() {} };
  const version = versions[major ?? 18];
  if (!version) throw new TypeError(`There is no Postgres ${major}: ${Object.keys(versions)}`);
  return await startEmbedded({ version });
}

function line({ passed, failed }: Count): string {
  return `${passed} passed, ${failed} failed`;
}

async function run(runtime: Runtime, files: readonly string[], url: string): Promise<Count> {
  const chosen = files.length > 0 ? files : runtime.files;
  const [command, ...parameters] = [...runtime.command, ...chosen];
  const child = spawn(command!, parameters, {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ...process.env,
      PGTQ_TEST_DATABASE_URL: url,
      DATABASE_URL: url,
      DENO_JOBS: "3",
      NO_COLOR: "1",
      ...runtime.env,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data: Uint8Array) => {
      output += new TextDecoder().decode(data);
      process.stdout.write(data);
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const passed = Number(runtime.passed.exec(output)?.[1] ?? 0);
  const failed = Number(runtime.failed.exec(output)?.[1] ?? 0);
  // A crash, or a run that tested nothing, is a failure whatever was counted before.
  const sound = code === 0 && passed > 0;
  return { passed, failed: sound ? failed : Math.max(1, failed) };
}

process.exit(await main(process.argv.slice(2)));
