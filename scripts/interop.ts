/**
 * Runs the real Python package `postgres-task-queue` and this library on the same queues, with a
 * throwaway Postgres, and prints what was checked: `deno task interop`.
 *
 * It needs a Python 3.12 or newer and a package index that pip can reach. The Python is the first of
 * python3.14, python3.13, python3.12 and python3 on the PATH that will do, or the one that
 * `PGTQ_PYTHON` names. With pyenv: `PYENV_VERSION=3.13 deno task interop`. Exits with 0 if all is
 * well, with 1 if a check has failed, and with 2 if the checks can't be run here.
 *
 * @module
 */

import process from "node:process";
import { startEmbedded } from "../src/embedded.ts";
import { checks } from "./interop/checks.ts";
import { install, Unavailable } from "./interop/python.ts";
import { openStage, type Stage } from "./interop/stage.ts";

const secondsPerCheck = 60;

async function main(only: string): Promise<number> {
  await using python = await install();
  await using server = await startEmbedded();
  await using stage = await openStage(server.url, python);
  console.log(`postgres-task-queue 0.1.1 on Python ${python.version}\n`);
  let failed = 0;
  for (const [name, check] of checks.filter(([name]) => name.includes(only))) {
    const begin = performance.now();
    const problem = await problemOf(check, stage);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1).padStart(5);
    console.log(`${problem === undefined ? "ok    " : "FAILED"} ${seconds} s  ${name}`);
    if (problem !== undefined) console.log(problem.replace(/^/gm, "        "));
    failed += problem === undefined ? 0 : 1;
  }
  console.log(`\n${failed === 0 ? "all checks passed" : `${failed} failed`}`);
  return failed === 0 ? 0 : 1;
}

async function problemOf(
  check: (stage: Stage) => Promise<void>,
  stage: Stage,
): Promise<string | undefined> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`not done after ${secondsPerCheck} s`)),
    secondsPerCheck * 1000,
  );
  try {
    await Promise.race([check(stage), late.promise]);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    clearTimeout(timer);
  }
}

try {
  process.exitCode = await main(process.argv[2] ?? "");
} catch (error) {
  if (!(error instanceof Unavailable)) throw error;
  console.error(`Cannot run the interop checks as ${error.message}`);
  process.exitCode = 2;
}
