/**
 * Gives a database pgmq if it has none.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { connection, type Queryable, type Sql } from "./connection.ts";
import { type Found, isOlder, look, oldest, versionOf } from "./pgmq.ts";
import { rightsSql } from "./rights.ts";
import { address, readable } from "./trouble.ts";

/** What {@linkcode install} has found or done. */
export interface Installation {
  /** pgmq was there already, came as an extension of the server, or as our own SQL. */
  readonly pgmq: "present" | "extension" | "sql";
  /** Its version, such as `1.11.1`. */
  readonly version: string;
}

/**
 * Sees to it that the database has pgmq: takes the one that is there, else creates the server's
 * extension, else runs our own SQL. Then gives the roles `pgtq_producer`, `pgtq_worker` and
 * `pgtq_observer` the rights they lack, if there are such roles. Running it again, or many at once,
 * is harmless.
 *
 * @throws {PgtqError} `OLD_PGMQ` or `BROKEN_PGMQ` if the one that is there won't do
 * @throws {PgtqError} `MISSING_PGMQ` if the role lacks the rights to install it
 * @throws {PgtqError} `NO_DATABASE` or `REJECTED_LOGIN` if there is no way in
 *
 * @example Before the first queue is created
 * ```ts
 * import { install } from "@pgtq/pgtq";
 *
 * const { pgmq, version } = await install();
 * console.log(`pgmq ${version}: ${pgmq}`);
 * ```
 */
export async function install(sql: Sql = connection()): Promise<Installation> {
  try {
    // Each statement must see what the installer before us has committed.
    return await sql.begin("isolation level read committed read write", async (tx) => {
      // Rather an error than a deployment that hangs behind a forgotten session.
      await tx.unsafe("set local lock_timeout = '30s'");
      await tx.unsafe("select pg_advisory_xact_lock(hashtextextended('pgtq install', 0))");
      const pgmq = await provide(tx, await look(tx));
      const version = versionOf(await look(tx));
      await tx.unsafe(await rightsSql());
      return { pgmq, version };
    });
  } catch (error) {
    throw explain(error, sql);
  }
}

/** The SQL that {@linkcode install} runs where the server has no extension to offer. */
export async function installSql(): Promise<string> {
  return `${await pgmqSql()}\n${await rightsSql()}`;
}

async function provide(tx: Queryable, found: Found): Promise<Installation["pgmq"]> {
  if (found.present && !found.ours) return "present";
  if (!found.present && found.available && !isOlder(found.available, oldest)) {
    await tx.unsafe("create extension pgmq");
    return "extension";
  }
  const text = await pgmqSql();
  if (found.ours && !isOlder(found.ours, markOf(text))) return "present";
  await tx.unsafe(text);
  return "sql";
}

/** Loaded on demand: programs that find their database in order never need it. */
async function pgmqSql(): Promise<string> {
  return (await import("./pgmq_sql.ts")).pgmqSql;
}

/** The version that the last line of our SQL notes down, such as `1.11.1+1`. */
function markOf(text: string): string {
  return /'pgtq pgmq ([\d.]+\+\d+)'/.exec(text)?.[1] ?? "";
}

function explain(error: unknown, sql: Sql): unknown {
  if (!(error instanceof Error) || (error as { code?: unknown }).code !== "42501") {
    return readable(error, "Cannot install pgmq", sql);
  }
  const advice = "run `pgtq install` as the owner of the database, or what `--print` writes";
  return new PgtqError(
    "MISSING_PGMQ",
    `Cannot install pgmq in ${
      address(sql)
    } as the role lacks a right (${error.message}): ${advice}`,
    { cause: error },
  );
}
