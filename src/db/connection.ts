/**
 * Where the library gets its database connection from, and how it speaks to it.
 *
 * @module
 */

import postgres from "postgres";
import { readable } from "./trouble.ts";

/** A porsager `postgres` pool. */
// deno-lint-ignore ban-types -- porsager's own spelling of "no custom types"
export type Sql = postgres.Sql<{}>;

/** A pool, or the transaction of a caller whose writes must commit together with ours. */
// deno-lint-ignore ban-types -- see above
export type Queryable = postgres.ISql<{}>;

/** What {@linkcode setup} takes: an address, or a porsager instance that stays yours to end. */
export type SetupOptions = { readonly url: string } | { readonly sql: Sql };

interface Pool {
  readonly sql: Sql;
  readonly owned: boolean;
}

let source: SetupOptions | undefined;
let pool: Pool | undefined;
let workers = 0;

/**
 * Names the database that queues and workers use from now on.
 *
 * Without it the first use connects to `DATABASE_URL`, else to what the `PG*` variables say.
 *
 * @throws {TypeError} if neither `url` nor `sql` is given
 *
 * @example Name a database
 * ```ts
 * import { setup } from "@pgtq/pgtq";
 *
 * setup({ url: "postgres://app@127.0.0.1:5432/app" });
 * ```
 */
export function setup(options: SetupOptions): void {
  const { url, sql } = Object(options) as { url?: unknown; sql?: unknown };
  if (typeof url !== "string" && typeof sql !== "function") {
    throw new TypeError("setup needs { url } or { sql }: a postgres:// address or a pool");
  }
  const old = pool;
  source = options;
  pool = undefined;
  if (old) end(old, 5).catch(() => {}); // nobody is left to hear of it
}

/**
 * Ends the connections the library opened by itself, so that the process can exit.
 *
 * A pool given to {@linkcode setup} is left alone, and so are running workers. The next use
 * connects anew.
 *
 * @example A script that enqueues and is done
 * ```ts
 * import { close } from "@pgtq/pgtq";
 *
 * await close();
 * ```
 */
export async function close(): Promise<void> {
  if (pool) await end(pool, 5);
}

/** The pool in use, opened if need be. */
export function connection(): Sql {
  return open().sql;
}

/**
 * Opens connections for a worker alone, to the same database in the same way: handlers that use up
 * the shared pool must not keep it from renewing leases. With the last worker the shared pool ends,
 * too, if the library opened it: a program whose workers have stopped exits by itself.
 */
export function openForWorker(): { sql: Sql; close(): Promise<void> } {
  const sql = another(connection());
  workers++;
  const close = async () => {
    workers--;
    // Nothing of ours is under way by now; after a broken connection the driver may wait in vain.
    await sql.end({ timeout: 1 });
    if (workers === 0 && pool) await end(pool, 1);
  };
  return { sql, close };
}

/** Opens one connection to where a pool connects, in the same way. */
export function openAlone(sql: Sql): Sql {
  return another(sql, { max: 1 });
}

function another({ options }: Sql, changes: { max?: number } = {}): Sql {
  // The driver takes the options it has parsed before as they are.
  return postgres({ ...options, ...changes } as unknown as postgres.Options<never>) as Sql;
}

/** Without parameters, too, where the driver would send plain text to be planned anew each time. */
const prepared = { prepare: true, simple: false } as postgres.UnsafeQueryOptions;

/**
 * Runs one prepared statement. `doing` starts the sentence that a user reads if it fails, such as
 * `Cannot enqueue to "mails"`.
 */
export async function query<Row extends object>(
  sql: Queryable,
  text: string,
  parameters: readonly (string | number | boolean | null)[],
  doing: string,
): Promise<Row[]> {
  try {
    return await sql.unsafe<Row[]>(text, [...parameters], prepared);
  } catch (error) {
    throw readable(error, doing, sql);
  }
}

/** `timeout`: how many seconds statements under way get. */
async function end(old: Pool, timeout: number): Promise<void> {
  if (!old.owned) return;
  if (pool === old) pool = undefined;
  await old.sql.end({ timeout });
}

function open(): Pool {
  if (pool) return pool;
  const { url, sql }: { readonly url?: string; readonly sql?: Sql } = source ?? {};
  pool = sql
    ? { sql, owned: false }
    : { sql: connect(url ?? environment("DATABASE_URL")), owned: true };
  return pool;
}

/** Opens a pool of the library's own. No address: porsager reads the `PG*` variables. */
export function connect(url: string | undefined): Sql {
  const options = {
    // Every parameter travels as text or number: the round trip that loads array types is not needed.
    fetch_types: false,
    idle_timeout: 30,
    connect_timeout: 10,
    backoff: (retries: number) => Math.min(0.1 * 2 ** retries, 1),
    onnotice: () => {},
    connection: { application_name: "pgtq" },
  };
  try {
    return url === undefined ? postgres(options) : postgres(url, options);
  } catch (error) {
    throw new TypeError(
      "The database address is not a URL such as postgres://user@host:5432/database",
      { cause: error },
    );
  }
}

/** Reads a variable where the platform has an environment, which not every edge runtime does. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}
