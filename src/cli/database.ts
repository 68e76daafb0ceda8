/**
 * Which database a command works on.
 *
 * @module
 */

import { join } from "node:path";
import { close, connection } from "../db/connection.ts";
import { address } from "../db/trouble.ts";
import { install } from "../db/install.ts";
import type { DatabaseOptions } from "./command.ts";
import { UsageError } from "./failures.ts";
import type { Host } from "./host.ts";

/** Connects the library to the database of these options until the command ends. */
export async function openDatabase(options: DatabaseOptions, host: Host): Promise<void> {
  const { databaseUrl, noPrepare, embedded, listenUrl } = options;
  const { env } = host;
  if (embedded && databaseUrl !== undefined) {
    throw new UsageError("--embedded and --database-url can't be used together");
  }
  host.resources.defer(close);
  const url = embedded ? await startServer(host) : databaseUrl;
  // Told by the environment, as modules that the user names may import another copy of the library,
  // or connect by themselves.
  if (url !== undefined) {
    env.DATABASE_URL = url;
    delete env.DATABASE_LISTEN_URL; // that of another database, perhaps
  }
  if (listenUrl !== undefined) env.DATABASE_LISTEN_URL = listenUrl;
  if (noPrepare) env.DATABASE_URL = unprepared(env.DATABASE_URL || "postgres://");
  if (embedded) await install(connection());
}

/** Whether nothing names a database, so that a command for trying things out starts its own. */
export function namesNoDatabase({ databaseUrl }: DatabaseOptions, { env }: Host): boolean {
  return databaseUrl === undefined &&
    !["DATABASE_URL", "PGHOST", "PGPORT", "PGDATABASE", "PGUSER"].some((name) => env[name]);
}

/** Where the library connects to, without a password. */
export function databaseAddress(): string {
  return address(connection());
}

/** An address with which the driver prepares nothing by name; without a host it reads `PG*`. */
function unprepared(address: string): string {
  return `${address}${address.includes("?") ? "&" : "?"}prepare=false`;
}

async function startServer({ cwd, resources }: Host): Promise<string> {
  const { startEmbedded } = await import("../embedded.ts");
  const starting = startEmbedded({ dataDir: join(cwd, ".pgtq") });
  // Deferred before it is awaited: Ctrl-C during the start must not leave a server behind.
  resources.defer(async () => (await starting.catch(() => undefined))?.stop());
  return (await starting).url;
}
