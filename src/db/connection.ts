/**
 * Where the library gets its database connection from, and how it speaks to it.
 *
 * @module
 */

import postgres from "postgres";
import { parseSetup, type Source } from "./setup_options.ts";
import { readable } from "./trouble.ts";

/** A porsager `postgres` pool. */
// deno-lint-ignore ban-types -- porsager's own spelling of "no custom types"
export type Sql = postgres.Sql<{}>;

/** A pool, or the transaction of a caller whose writes must commit together with ours. */
// deno-lint-ignore ban-types -- see above
export type Queryable = postgres.ISql<{}>;

/** What {@linkcode setup} takes: an address, or a porsager instance that stays yours to end. */
export type SetupOptions =
  & ({
    /** Such as `postgres://user@host:5432/database`. */
    readonly url: string;
    /**
     * Whether statements are prepared by name, which not every pooler can keep apart that gives out
     * connections per transaction: pgbouncer before 1.21 needs `false`.
     *
     * @default true, unless the address ends in `?prepare=false`
     */
    readonly prepare?: boolean;
  } | {
    /** A porsager instance, whose own `prepare` holds. */
    readonly sql: Sql;
  })
  & {
    /**
     * Where workers listen for notifications, with one connection each, if not where they work: a
     * pooler that gives out connections per transaction passes no notifications on. `null` for
     * nowhere: then they look once per `pollInterval` only.
     *
     * @default where they work
     */
    readonly listenUrl?: string | null;
  };

interface Pool {
  readonly sql: Sql;
  readonly owned: boolean;
  /** Connects to where workers listen, if they do. */
  readonly listens: Sql | null;
}

/** A worker's own connections. */
export interface WorkerConnections {
  readonly sql: Sql;
  /** Connects to where to listen, to be opened anew; `null` for nowhere. */
  readonly listens: Sql | null;
  close(): Promise<void>;
}

let source: Source | undefined;
let pool: Pool | undefined;
let workers = 0;

/**
 * Names the database that queues and workers use from now on.
 *
 * Without it the first use connects to `DATABASE_URL`, else to what the `PG*` variables say, and
 * workers listen at `DATABASE_LISTEN_URL` if that is set, or nowhere if it is `none`.
 *
 * @throws {TypeError} if neither `url` nor `sql` is given
 * @throws {TypeError} if `listenUrl` or `prepare` is something else than described
 *
 * @example Name a database
 * ```ts
 * import { setup } from "@pgtq/pgtq";
 *
 * setup({ url: "postgres://app@127.0.0.1:5432/app" });
 * ```
 *
 * @example Work through pgbouncer in transaction mode, and listen on the database itself
 * ```ts
 * import { setup } from "@pgtq/pgtq";
 *
 * setup({
 *   url: "postgres://app@127.0.0.1:6432/app",
 *   listenUrl: "postgres://app@127.0.0.1:5432/app",
 *   prepare: false,
 * });
 * ```
 */
export function setup(options: SetupOptions): void {
  const given = parseSetup(options);
  const old = pool;
  source = given;
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
export function openForWorker(): WorkerConnections {
  const { sql: shared, listens } = open();
  const sql = another(shared);
  workers++;
  const close = async () => {
    workers--;
    // Nothing of ours is under way by now; after a broken connection the driver may wait in vain.
    await sql.end({ timeout: 1 });
    if (workers === 0 && pool) await end(pool, 1);
  };
  return { sql, listens, close };
}

/** Opens one connection to where a pool connects, in the same way but for these options. */
export function openAlone(sql: Sql, changes: Readonly<Record<string, unknown>> = {}): Sql {
  return another(sql, { ...changes, max: 1 });
}

function another({ options }: Sql, changes: Readonly<Record<string, unknown>> = {}): Sql {
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
  const { url, sql, listenUrl, prepare } = source ?? fromEnvironment();
  const own = sql ?? connect(url, { prepare });
  const elsewhere = typeof listenUrl === "string" && connect(listenUrl, { name: "listenUrl" });
  const listens = elsewhere || (listenUrl === null ? null : own);
  pool = { sql: own, owned: sql === undefined, listens };
  return pool;
}

function fromEnvironment(): Source {
  const listenUrl = environment("DATABASE_LISTEN_URL");
  return {
    url: environment("DATABASE_URL"),
    listenUrl: listenUrl === "none" ? null : listenUrl,
  };
}

interface ConnectOptions {
  readonly prepare?: boolean | undefined;
  /** What the address is called where it's wrong. */
  readonly name?: string;
}

/** Opens a pool of the library's own. No address: porsager reads the `PG*` variables. */
export function connect(
  url: string | undefined,
  { prepare, name = "The database address" }: ConnectOptions = {},
): Sql {
  const options = {
    // Every parameter travels as text or number: the round trip that loads array types is not needed.
    fetch_types: false,
    idle_timeout: 30,
    connect_timeout: 10,
    backoff: (retries: number) => Math.min(0.1 * 2 ** retries, 1),
    onnotice: () => {},
    connection: { application_name: "pgtq" },
    // Only if it's said: what is here goes before what the address ends in.
    ...(prepare === undefined ? {} : { prepare }),
  };
  try {
    return url === undefined ? postgres(options) : postgres(url, options);
  } catch (error) {
    throw new TypeError(`${name} is not a URL such as postgres://user@host:5432/database`, {
      cause: error,
    });
  }
}

/** Reads a variable where the platform has an environment, which not every edge runtime does. */
function environment(name: string): string | undefined {
  const { process } = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return process?.env?.[name] || undefined;
}
