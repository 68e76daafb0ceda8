/**
 * Making a database ready for queues.
 *
 * @module
 */

import { connection } from "./db/connection.ts";
import { install as installOn, type Installation } from "./db/install.ts";

/**
 * Sees to it that the database has pgmq: the one that is there, else the server's extension, else
 * our own implementation of its SQL. Running it again, or many at once, is harmless.
 *
 * @throws {PgtqError} `OLD_PGMQ` or `BROKEN_PGMQ` if the one that is there won't do
 * @throws {PgtqError} `MISSING_PGMQ` if the role lacks the rights to install it
 * @throws {PgtqError} `NO_DATABASE` or `REJECTED_LOGIN` if there is no way in
 *
 * @example Before the first queue is created
 * ```ts ignore
 * import { install } from "@pgtq/pgtq";
 *
 * const { pgmq, version } = await install();
 * console.log(`pgmq ${version}: ${pgmq}`);
 * ```
 */
export function install(): Promise<Installation> {
  return installOn(connection());
}
