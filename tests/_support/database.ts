/**
 * A database of its own for each test file, on a server that all of them share.
 *
 * @module
 */

import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import type { Sql } from "../../src/db/connection.ts";
import { genuinePgmqSql } from "./genuine_pgmq.ts";
import { olderPgmqSql } from "./older_pgmq.ts";

/** A new database; disposing it ends its pool and drops it. */
export interface TestDatabase extends AsyncDisposable {
  /** Where it is, for code that connects by itself. */
  readonly url: string;
  /** A pool on it. */
  readonly sql: Sql;
}

/** What tables a database gets: those of `sql/pgmq.sql`, of the newest or of an old pgmq, or none. */
export type PgmqKind = keyof typeof sources;

const sources = {
  ours: async () => (await import("../../src/db/pgmq_sql.ts")).pgmqSql,
  genuine: genuinePgmqSql,
  older: olderPgmqSql,
  none: () => "",
};

/** Creates a database; tests that don't ask for a kind of pgmq have to pass on each. */
export async function createTestDatabase(
  { pgmq = kindByDefault() }: { pgmq?: PgmqKind } = {},
): Promise<TestDatabase> {
  const server = await serverUrl();
  const name = `pgtq_test_${crypto.randomUUID().replaceAll("-", "")}`;
  await once(server, (sql) => sql.unsafe(`create database ${name}`));

  const url = withDatabase(server, name);
  const sql = connect(url, 10);
  await sql.unsafe(await sources[pgmq]());
  return {
    url,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await once(server, (sql) => sql.unsafe(`drop database if exists ${name} with (force)`));
    },
  };
}

function kindByDefault(): PgmqKind {
  const kind = process.env.PGTQ_TEST_PGMQ || "ours";
  if (Object.hasOwn(sources, kind)) return kind as PgmqKind;
  throw new TypeError(`PGTQ_TEST_PGMQ must be ${Object.keys(sources).join(", ")}: it is ${kind}`);
}

let server: Promise<string> | undefined;

/** The server is left running: the next test file, often in another process, joins it. */
function serverUrl(): Promise<string> {
  const given = process.env.PGTQ_TEST_DATABASE_URL;
  return given ? Promise.resolve(given) : server ??= embeddedUrl();
}

async function embeddedUrl(): Promise<string> {
  const { startEmbedded } = await import("../../src/embedded.ts");
  const dataDir = join(tmpdir(), `pgtq-tests-${userInfo().uid}`);
  return (await startEmbedded({ dataDir })).url;
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

function connect(url: string, max: number): Sql {
  // Notices such as "schema exists already, skipping" would only clutter the test report.
  return postgres(url, { max, onnotice: () => {} });
}

async function once(url: string, run: (sql: Sql) => Promise<unknown>): Promise<void> {
  const sql = connect(url, 1);
  try {
    await run(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
