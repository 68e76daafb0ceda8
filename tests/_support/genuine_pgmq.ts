/**
 * The real pgmq 1.11.1, taken out of a dev dependency, so that our SQL is held to what it does.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";

/** The extension script of pgmq 1.11.1 with the schema it expects, for a database without pgmq. */
export async function genuinePgmqSql(): Promise<string> {
  return `create schema pgmq;\n${await genuinePgmqFile("pgmq--1.11.1.sql")}`;
}

/** A file of the extension, such as `pgmq.control`. */
export async function genuinePgmqFile(name: string): Promise<string> {
  // Not import.meta.resolve: without a node_modules folder Deno answers with an npm: address.
  const entry = createRequire(import.meta.url).resolve("@electric-sql/pglite-pgmq");
  const tar = gunzipSync(await readFile(join(dirname(entry), "pgmq.tar.gz")));
  return untar(tar, `share/postgresql/extension/${name}`);
}

/** A tar is a 512-byte header (name at 0, size in octal at 124) and the body, padded to 512. */
function untar(tar: Uint8Array, name: string): string {
  const text = (from: number, to: number) => new TextDecoder().decode(tar.subarray(from, to));
  for (let at = 0; at < tar.length;) {
    const size = parseInt(text(at + 124, at + 136), 8) || 0;
    const body = at + 512;
    if (text(at, at + 100).replace(/\0.*$/s, "") === name) return text(body, body + size);
    at = body + Math.ceil(size / 512) * 512;
  }
  throw new Error(`Cannot read ${name} as the archive doesn't hold it`);
}
