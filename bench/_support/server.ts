/**
 * The Postgres that a bench runs on: durable, with default settings, and a database of its own.
 *
 * @module
 */

import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";
import postgres from "postgres";
import { install } from "../../mod.ts";
import type { Sql } from "../../src/db/connection.ts";
import { startEmbedded } from "../../src/embedded.ts";

/** A running server. */
export interface Server extends AsyncDisposable {
  readonly url: string;
}

/** A database for one bench, with pgmq; disposing it drops it. */
export interface Database extends AsyncDisposable {
  readonly url: string;
  readonly sql: Sql;
}

/** The server in `PGTQ_BENCH_DATABASE_URL`, or one of its own that is gone afterwards. */
export async function startServer(): Promise<Server> {
  const given = process.env.PGTQ_BENCH_DATABASE_URL;
  if (given) return { url: given, [Symbol.asyncDispose]: async () => {} };
  // With a folder to keep, the server writes as it would in production: with fsync.
  const folder = await mkdtemp(join(userInfo().uid === 0 ? "/tmp" : tmpdir(), "pgtq-bench-"));
  // Root's server runs as another account, which has to get there.
  await chmod(folder, 0o755);
  const server = await startEmbedded({ dataDir: folder });
  return {
    url: server.url,
    async [Symbol.asyncDispose]() {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Creates a database on a server. */
export async function createDatabase(server: string): Promise<Database> {
  const name = `pgtq_bench_${crypto.randomUUID().slice(0, 8)}`;
  const admin = connect(server, 1);
  await admin.unsafe(`create database ${name}`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  const sql = connect(url, 4);
  await install(sql);
  return {
    url,
    sql,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await admin.unsafe(`drop database if exists ${name} with (force)`);
      await admin.end({ timeout: 1 });
    },
  };
}

/**
 * Lets every round start alike: statistics are fresh, autovacuum has no reason to come, and the log
 * starts anew after a checkpoint.
 */
export async function calm(sql: Sql): Promise<void> {
  await sql.unsafe("vacuum (analyze)");
  await sql.unsafe("checkpoint");
}

/** The version of the server, such as `18.1`. */
export async function serverVersion(sql: Sql): Promise<string> {
  const [row] = await sql.unsafe("show server_version");
  return String(row!.server_version).split(" ")[0]!;
}

/** The settings that weigh most on writes. */
export async function serverSettings(sql: Sql): Promise<Record<string, string>> {
  const [row] = await sql.unsafe(
    `select jsonb_object_agg(name, current_setting(name)) as settings from pg_settings
    where name in ('fsync', 'synchronous_commit', 'shared_buffers', 'max_wal_size')`,
  );
  return row!.settings;
}

function connect(url: string, max: number): Sql {
  return postgres(url, { max, onnotice: () => {} }) as Sql;
}
