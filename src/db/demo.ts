/**
 * The table in which `pgtq demo` keeps its results.
 *
 * @module
 */

import { query, type Sql } from "./connection.ts";

/** Where the results are, for people who want to look at them. */
export const hashTable = "pgtq_demo_files";

/** A file that was read. */
export interface HashedFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256 in hexadecimal digits. */
  readonly hash: string;
}

/** Creates the table if there is none yet. */
export async function createHashTable(sql: Sql): Promise<void> {
  const text = `create table if not exists ${hashTable} (
    path text primary key, size bigint not null, sha256 text not null,
    hashed_at timestamptz not null default now())`;
  await query(sql, text, [], `Cannot create the table ${hashTable}`);
}

/** Writes a result; the one of an earlier run or attempt is replaced. */
export async function saveHash(sql: Sql, { path, size, hash }: HashedFile): Promise<void> {
  const text = `insert into ${hashTable} (path, size, sha256)
    values ($1::text, $2::bigint, $3::text)
    on conflict (path) do update set size = excluded.size, sha256 = excluded.sha256,
      hashed_at = now()`;
  await query(sql, text, [path, size, hash], `Cannot write to the table ${hashTable}`);
}
