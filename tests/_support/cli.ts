/**
 * Running the command line as a user does: as a process, on the runtime that runs the test.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { runScript } from "./runtime.ts";

const cli = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** What a command runs with. */
export interface Surroundings {
  /** The database, as `DATABASE_URL`; without it nothing names one. */
  readonly url?: string;
  readonly cwd?: string;
  /** More variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** The standard input; empty by default. */
  readonly input?: string | Uint8Array;
}

/** What is left of a command that has ended. */
export interface Result {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Result>;
  /** Resolves with the first line, of either output, that fits. */
  line(fits: RegExp): Promise<string>;
}

/** Starts a command. */
export function startCli(args: readonly string[], surroundings: Surroundings = {}): Running {
  const { url, cwd, env, input } = surroundings;
  const [program, parameters] = runScript(cli, ...args);
  const child = spawn(program, parameters, { cwd, env: { ...bare(), DATABASE_URL: url, ...env } });
  child.stdin.on("error", () => {}); // a command may end before it has read everything
  child.stdin.end(input ?? "");
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  const ended = once(child, "close").then(async ([code]) => ({
    code,
    stdout: await stdout,
    stderr: await stderr,
  }));
  return { child, ended, line: (fits) => lineOf(child, fits, ended) };
}

/** Runs a command to its end. */
export function runCli(args: readonly string[], surroundings?: Surroundings): Promise<Result> {
  return startCli(args, surroundings).ended;
}

/** Runs a command that has to succeed, and returns what it writes. */
export async function succeed(args: readonly string[], around?: Surroundings): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, around);
  assert.equal(code, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

/** Runs a command that has to fail with one readable line, and returns that line. */
export async function fail(
  args: readonly string[],
  around?: Surroundings,
  expected = 1,
): Promise<string> {
  const { code, stderr } = await runCli(args, around);
  assert.equal(code, expected, `${args.join(" ")}: ${stderr}`);
  const lines = stderr.trimEnd().split("\n");
  assert.equal(lines.length, 1, stderr);
  assert.match(lines[0]!, /^pgtq: \S/);
  return lines[0]!;
}

/** The variables of this process that name no database. */
function bare(): NodeJS.ProcessEnv {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.filter(([name]) => !/^(PG|DATABASE_URL)/.test(name)));
}

async function gather(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk) => text += chunk);
  await once(stream, "close");
  return text;
}

async function lineOf(child: ChildProcess, fits: RegExp, ended: Promise<Result>): Promise<string> {
  const found = [child.stdout!, child.stderr!].map((input) =>
    new Promise<string>((resolve) => {
      createInterface({ input }).on("line", (line) => fits.test(line) && resolve(line));
    })
  );
  const missing = ended.then(({ stderr }) => {
    throw new Error(`The command ended without a line like ${fits}: ${stderr}`);
  });
  missing.catch(() => {}); // only of interest if nothing was found before
  return await Promise.race([...found, missing]);
}
