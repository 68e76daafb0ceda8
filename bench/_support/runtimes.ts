/**
 * Which program runs what: pgtq runs on the runtime that runs the bench, peers on Node, their home.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";

const peers = new URL("../peers/", import.meta.url);
const peerRuntime = "node@24";

/** The runtime we run on. */
export const runtime: "deno" | "bun" | "node" = process.versions.deno
  ? "deno"
  : process.versions.bun
  ? "bun"
  : "node";

/** Our runtime and its version, such as `deno 2.9.6`. */
export const runtimeVersion = `${runtime} ${process.versions[runtime]}`;

/** The command that runs a script on our runtime. */
export function ownCommand(script: string): string[] {
  return [process.execPath, ...(runtime === "deno" ? ["run", "-A", "--no-check"] : []), script];
}

/** The command that runs a contender. */
export function commandFor(script: URL): string[] {
  const path = fileURLToPath(script);
  if (!script.href.startsWith(peers.href)) return ownCommand(path);
  installPeers();
  return [programOf(peerRuntime), "--disable-warning=ExperimentalWarning", path];
}

/** The version of Node that peers run on, and of each of them. */
export function peerVersions(): Record<string, string> {
  installPeers();
  const names = ["graphile-worker", "pg-boss", "pg"];
  const ask = `import("node:fs").then(({ readFileSync }) => console.log(JSON.stringify(${
    JSON.stringify(names)
  }.map((name) => JSON.parse(readFileSync("node_modules/" + name + "/package.json")).version))))`;
  const versions = JSON.parse(run(programOf(peerRuntime), ["-e", ask])) as string[];
  const node = run(programOf(peerRuntime), ["-p", "process.versions.node"]);
  return Object.fromEntries([["node", node], ...names.map((name, n) => [name, versions[n]])]);
}

const programs = new Map<string, string>();

/** Where npm has put a runtime, such as `bun@1.4.5`: `npx` itself would stand in front of it. */
export function programOf(version: string): string {
  const known = programs.get(version);
  const program = known ?? run("npx", ["--yes", version, "-p", "process.execPath"]);
  programs.set(version, program);
  return program;
}

function installPeers(): void {
  if (existsSync(new URL("node_modules", peers))) return;
  console.error("Installing the peers");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

function run(command: string, parameters: readonly string[]): string {
  return execFileSync(command, parameters, {
    cwd: fileURLToPath(peers),
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  }).trim();
}
