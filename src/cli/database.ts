/**
 * Which database a command works on.
 *
 * @module
 */

import { join } from "node:path";
import { close, connection, setup } from "../db/connection.ts";
import { address } from "../db/trouble.ts";
import { install } from "../db/install.ts";
import type { DatabaseOptions } from "./command.ts";
import { UsageError } from "./failures.ts";
import type { Host } from "./host.ts";

/** Connects the library to the database of these options until the command ends. */
export async function openDatabase(options: DatabaseOptions, host: Host): Promise<void> {
  const { databaseUrl, embedded } = options;
  if (embedded && databaseUrl !== undefined) {
    throw new UsageError("--embedded and --database-url can't be used together");
  }
  host.resources.defer(close);
  const url = embedded ? await startServer(host) : databaseUrl;
  if (url === undefined) return;
  // Modules that the user names may import another copy of the library, or connect by themselves.
  host.env.DATABASE_URL = url;
  setup({ url });
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

async function startServer({ cwd, resources }: Host): Promise<string> {
  const { startEmbedded } = await import("../embedded.ts");
  const starting = startEmbedded({ dataDir: join(cwd, ".pgtq") });
  // Deferred before it is awaited: Ctrl-C during the start must not leave a server behind.
  resources.defer(async () => (await starting.catch(() => undefined))?.stop());
  return (await starting).url;
}
