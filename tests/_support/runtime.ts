/**
 * Running a script of this project on the runtime that runs the test.
 *
 * @module
 */

import process from "node:process";

/** The command that runs a TypeScript file on this runtime: the executable and its arguments. */
export function runScript(file: string, ...parameters: string[]): [string, string[]] {
  const { deno } = process.versions as { deno?: string };
  // Checking types again for every process would only take time.
  const flags = deno ? ["run", "-A", "--no-check", "--quiet"] : [];
  return [process.execPath, [...flags, file, ...parameters]];
}
