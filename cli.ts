#!/usr/bin/env bun
/**
 * The command line: `deno run -A cli.ts`, `bun cli.ts`, `bunx pgtq`.
 *
 * The only file that touches the process.
 *
 * @module
 */

import { relative } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { BrokenPipe, Interrupts, type Reader, type Writer } from "./src/cli/host.ts";
import { main } from "./src/cli/main.ts";

const interrupts = new Interrupts();
// SIGHUP: a terminal that is closed should not leave an embedded server behind either.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => interrupts.fire());
}

// A driver that loses its connection in the middle of connecting can throw out of nowhere.
process.on("uncaughtException", (error) => {
  if (interrupts.fired) return;
  console.error(error);
  process.exit(1);
});

const code = await main({
  program: program(),
  args: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin as unknown as Reader,
  stdout: writer(process.stdout),
  stderr: writer(process.stderr),
  interrupts,
  resources: new AsyncDisposableStack(),
});
// Modules of the user's may hold pools and timers that would keep the process for ever.
process.exit(code);

function writer(stream: typeof process.stdout | typeof process.stderr): Writer {
  // Each write reports its own failure; without a listener, this one would end the process.
  stream.on("error", () => {});
  return {
    isTTY: stream.isTTY === true,
    get columns() {
      return stream.columns || 80;
    },
    write: (text) =>
      new Promise((resolve, reject) => {
        stream.write(text, (error) => {
          if (!error) return resolve();
          const { code } = error as { code?: string };
          reject(code === "EPIPE" ? new BrokenPipe() : error);
        });
      }),
  };
}

/** How to call this program again, for the advice that commands give. */
function program(): string {
  const path = fileURLToPath(import.meta.url);
  if (path.includes("node_modules")) return "Bun" in globalThis ? "bunx pgtq" : "npx pgtq";
  const file = quoted(relative(process.cwd(), path));
  const npx = process.execPath.includes("_npx") ? "npx --yes " : "";
  if ("Deno" in globalThis) return `${npx}${npx ? "deno@2.9" : "deno"} run -A ${file}`;
  if ("Bun" in globalThis) return `${npx}${npx ? "bun@1.4" : "bun"} ${file}`;
  return `${npx}${npx ? "node@24" : "node"} ${file}`;
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./\\:@-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
