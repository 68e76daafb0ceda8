/**
 * Finds the processors in modules that the user names.
 *
 * @module
 */

import { existsSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { isAbsolute, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { PgtqError } from "../core/errors.ts";
import { isProcessor, type Processor } from "../processor.ts";
import { messageOf } from "./failures.ts";

/** A processor and where it was found. */
interface Found {
  readonly processor: Processor;
  /** For error messages, such as `onMail of tasks.ts`. */
  readonly place: string;
}

/** Which queues to process; all of them where a list is empty. */
export interface Filter {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/**
 * Imports modules, paths below `cwd` or package names, and gathers the processors they export.
 *
 * @throws {PgtqError} `INVALID_MODULE` if there is no such module, it can't be imported, it exports
 *   no processor, or two processors have one queue
 */
export async function loadProcessors(
  modules: readonly string[],
  cwd: string,
  filter: Filter,
): Promise<Processor[]> {
  const found = new Map<Processor, Found>();
  // One after the other: they may depend on what an earlier one sets up.
  for (const module of modules) {
    for (const each of await load(module, cwd)) found.set(each.processor, each);
  }
  const all = [...found.values()];
  checkNames([...filter.include, ...filter.exclude], all);
  const chosen = all.filter(({ processor }) => isChosen(processor.queue.name, filter));
  if (chosen.length === 0) throw invalid("--include and --exclude leave no queue to process");
  checkQueues(chosen);
  return chosen.map(({ processor }) => processor);
}

async function load(module: string, cwd: string): Promise<Found[]> {
  const exported = Object.entries(await importModule(module, cwd));
  const found = exported.flatMap(([name, value]) =>
    isProcessor(value) ? [{ processor: value, place: `${name} of ${module}` }] : []
  );
  if (found.length > 0) return found;
  throw invalid(`Cannot use the module "${module}" as it exports no processor`);
}

async function importModule(module: string, cwd: string): Promise<object> {
  const address = locate(module, cwd);
  try {
    return await import(address);
  } catch (error) {
    const message = `Cannot import the module "${module}": ${messageOf(error)}`;
    throw new PgtqError("INVALID_MODULE", message + placeOf(error, cwd), { cause: error });
  }
}

/** The address of a file below `cwd`, or of a package that is installed there or beside us. */
function locate(module: string, cwd: string): string {
  const path = resolve(cwd, module);
  if (existsSync(path) && statSync(path).isFile()) return pathToFileURL(path).href;
  const paths = () => pathToFileURL(createRequire(join(cwd, "any.js")).resolve(module)).href;
  for (const find of looksLikePath(module) ? [] : [() => import.meta.resolve(module), paths]) {
    try {
      return find();
    } catch {
      // The next one may know it.
    }
  }
  throw invalid(`Cannot find the module "${module}": there is no file ${path} and no such package`);
}

function looksLikePath(module: string): boolean {
  return isAbsolute(module) || /^\.|\.[cm]?[jt]sx?$|^[^@].*[/\\]/.test(module);
}

/** Where the library itself is, whose lines in a stack tell a user nothing. */
const ownFolder = fileURLToPath(new URL("../", import.meta.url));

/** The first line of the stack that is the user's own, which helps the author of a module. */
function placeOf(error: unknown, cwd: string): string {
  for (const line of (error instanceof Error && error.stack || "").split("\n")) {
    const [, address = "", position] = /^(?:\s+at )?(?:.*\()?(.+?):(\d+(?::\d+)?)\)?$/.exec(line) ??
      [];
    const path = address.startsWith("file:") ? fileURLToPath(address) : address;
    if (!isAbsolute(path) || path.startsWith(ownFolder) || path.includes("node_modules")) continue;
    return ` (${relative(cwd, path)}:${position})`;
  }
  return "";
}

function isChosen(name: string, { include, exclude }: Filter): boolean {
  return (include.length === 0 || include.includes(name)) && !exclude.includes(name);
}

function checkNames(names: readonly string[], found: readonly Found[]): void {
  const known = found.map(({ processor }) => processor.queue.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalid(
    `Cannot include or exclude the queue "${unknown}" as no processor has it: ` +
      `there ${known.length === 1 ? "is" : "are"} ${known.join(", ")}`,
  );
}

function checkQueues(found: readonly Found[]): void {
  const places = new Map<string, string>();
  for (const { processor: { queue: { name } }, place } of found) {
    const other = places.get(name.toLowerCase());
    if (other) {
      throw invalid(`Cannot run two processors for the queue "${name}": ${other} and ${place}`);
    }
    places.set(name.toLowerCase(), place);
  }
}

function invalid(message: string): PgtqError {
  return new PgtqError("INVALID_MODULE", message);
}
