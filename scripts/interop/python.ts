/**
 * A Python with the package `postgres-task-queue`, outside the checkout.
 *
 * @module
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const requirement = "postgres-task-queue==0.1.1";

/** Why the checks can't be run here. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}

/** A virtual environment with the package in it; disposing removes it. */
export interface Environment extends AsyncDisposable {
  readonly version: string;
  /** Starts a Python program; parameters as for `python`. */
  start(databaseUrl: string, ...parameters: string[]): Program;
}

/** Installs the package. */
export async function install(): Promise<Environment> {
  const { command, version } = await findPython();
  const folder = await mkdtemp(join(tmpdir(), "pgtq-interop-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  const python = join(folder, process.platform === "win32" ? "Scripts" : "bin", "python");
  try {
    await run(command, ["-m", "venv", folder]);
    await run(python, ["-m", "pip", "install", "--quiet", requirement]);
  } catch (error) {
    await remove();
    throw new Unavailable(`${requirement} can't be installed: ${lastLine(error)}`);
  }
  return {
    version,
    start: (databaseUrl, ...parameters) => new Program(python, parameters, databaseUrl),
    [Symbol.asyncDispose]: remove,
  };
}

async function findPython(): Promise<{ command: string; version: string }> {
  const { PGTQ_PYTHON } = process.env;
  const names = PGTQ_PYTHON
    ? [PGTQ_PYTHON]
    : ["3.14", "3.13", "3.12", "3"].map((v) => `python${v}`);
  const found: string[] = [];
  for (const command of names) {
    const version = await versionOf(command);
    if (version === undefined) continue;
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && minor! >= 12) return { command, version };
    found.push(`${command} is ${version}`);
  }
  const seen = found.length > 0 ? found.join(", ") : `no ${names.join(", ")} works`;
  throw new Unavailable(
    `${requirement} needs Python 3.12 or newer, and ${seen}: name one with PGTQ_PYTHON`,
  );
}

async function versionOf(command: string): Promise<string | undefined> {
  try {
    const code = "import sys; print('%d.%d.%d' % sys.version_info[:3])";
    return (await run(command, ["-c", code])).stdout.trim();
  } catch {
    return undefined;
  }
}

function lastLine(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr || message).trim().split("\n").at(-1)!;
}

/** A running Python program that speaks in lines. */
export class Program implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #ended: Promise<void>;
  #log = "";
  #heard = Promise.withResolvers<void>();

  /** Starts it in the folder of our Python files. */
  constructor(command: string, parameters: string[], databaseUrl: string) {
    this.#child = spawn(command, parameters, {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      env: { ...process.env, DATABASE_URL: databaseUrl, PYTHONDONTWRITEBYTECODE: "1" },
    });
    this.#ended = new Promise((resolve) => this.#child.on("close", () => resolve()));
    createInterface({ input: this.#child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#heard.resolve();
      this.#heard = Promise.withResolvers();
    });
    this.#child.stderr!.on("data", (data) => this.#log += data);
  }

  /** What it wrote to stderr. */
  get log(): string {
    return this.#log;
  }

  /** The next line it says. */
  async hear(): Promise<Record<string, unknown>> {
    while (this.#lines.length === 0) {
      const heard = this.#heard.promise;
      const silent = this.#ended.then(() => "silent");
      if (await Promise.race([heard, silent]) === "silent" && this.#lines.length === 0) {
        throw new Error(`Python ended: ${this.#log.trim().split("\n").at(-1)}`);
      }
    }
    return JSON.parse(this.#lines.shift()!);
  }

  /** Sends it a line. */
  say(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  /** Ends it. */
  async end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    this.#child.kill(signal);
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}
