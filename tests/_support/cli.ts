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
import { Interrupts } from "../../src/cli/host.ts";
import { main } from "../../src/cli/main.ts";
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
  /** Sends a signal, as Ctrl-C and process managers do. */
  signal(name: "SIGINT" | "SIGTERM"): void;
  /** Resolves with the first line, of either output, that fits. */
  line(fits: RegExp): Promise<string>;
}

/** Starts a command. */
export function startCli(args: readonly string[], surroundings: Surroundings = {}): Running {
  const { url, cwd, env, input } = surroundings;
  const [program, parameters] = runScript(cli, ...args);
  const child = spawn(program, parameters, {
    cwd,
    env: { ...bare(), DATABASE_URL: url, ...env },
    // A command that hangs fails its test, instead of keeping the whole suite.
    timeout: 30_000,
    killSignal: "SIGKILL",
  });
  child.stdin.on("error", () => {}); // a command may end before it has read everything
  child.stdin.end(input ?? "");
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  const ended = once(child, "close").then(async ([code]) => ({
    code,
    stdout: await stdout,
    stderr: await stderr,
  }));
  // Not child.kill: Deno then says that the signal ended the process, even if that was handled.
  const signal = (name: "SIGINT" | "SIGTERM") => void process.kill(child.pid!, name);
  return { child, ended, signal, line: linesOf(child, ended) };
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

/** Runs a command that has to fail before it connects, inside this process: that is much faster. */
export async function misuse(args: readonly string[]): Promise<string> {
  let text = "";
  const out = {
    isTTY: false,
    columns: 80,
    write: (more: string) => Promise.resolve(void (text += more)),
  };
  const code = await main({
    program: "pgtq",
    args,
    env: {},
    cwd: process.cwd(),
    stdin: Object.assign((async function* () {})(), { isTTY: false }),
    stdout: out,
    stderr: out,
    interrupts: new Interrupts(),
    resources: new AsyncDisposableStack(),
  });
  assert.equal(code, 2, text);
  assert.match(text, /^pgtq: \S[^\n]*\n$/);
  return text;
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

/** Finds lines in both outputs, those that have come already and those still to come. */
function linesOf(child: ChildProcess, ended: Promise<Result>): Running["line"] {
  const lines: string[] = [];
  const came = new EventTarget();
  for (const input of [child.stdout!, child.stderr!]) {
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      came.dispatchEvent(new Event("line"));
    });
  }
  let code: number | null | undefined;
  ended.then((result) => {
    code = result.code;
    came.dispatchEvent(new Event("line"));
  });
  return async (fits) => {
    for (;;) {
      const found = lines.find((line) => fits.test(line));
      if (found !== undefined) return found;
      if (code !== undefined) throw new Error(`No line like ${fits}:\n${lines.join("\n")}`);
      await once(came, "line");
    }
  };
}
