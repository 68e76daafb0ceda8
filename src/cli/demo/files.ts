/**
 * The files that the demo works on.
 *
 * @module
 */

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Bigger files would take longer to read than the demo's timeout allows. */
const maxBytes = 50_000_000;

/**
 * Paths of up to `limit` files below a folder, in a fixed order; without what is hidden, such as
 * `.git` and `.pgtq`, and without `node_modules`.
 */
export async function filesBelow(folder: string, limit: number): Promise<string[]> {
  const files: string[] = [];
  for await (const file of walk(folder)) {
    if (files.length === limit) break;
    files.push(file);
  }
  return files;
}

async function* walk(folder: string, top = true): AsyncGenerator<string> {
  // A folder further down that can't be read is none of the demo's business.
  const entries = await readdir(folder, { withFileTypes: true }).catch((error) => {
    if (top) throw error;
    return [];
  });
  entries.sort((one, other) => one.name < other.name ? -1 : 1);
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    if (entry.isDirectory()) yield* walk(path, false);
    else if (entry.isFile() && await fits(path)) yield path;
  }
}

async function fits(path: string): Promise<boolean> {
  const { size } = await stat(path).catch(() => ({ size: Infinity }));
  return size <= maxBytes;
}
