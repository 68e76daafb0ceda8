/**
 * A database whose producers, workers and observers have roles of their own. Roles belong to the
 * whole server, which other test files use at the same time: these have names that nobody else has.
 *
 * @module
 */

import postgres from "postgres";
import type { Sql } from "../../src/db/connection.ts";
import { createTestDatabase, type PgmqKind } from "./database.ts";

/** The roles that have rights by being there. */
export const roles = ["producer", "worker", "observer"] as const;

/** What a role is for, without what its name begins with. */
export type Role = typeof roles[number] | "other";

/** The database, the owner's pool on it, and one for every role. */
export interface RolesDatabase extends AsyncDisposable {
  readonly url: string;
  readonly owner: Sql;
  /** The full name of a role. */
  name(role: Role): string;
  /** A pool that has the rights of a role and no others. */
  as(role: Role): Sql;
}

/** Creates the database with these roles; `other` is one that pgtq gives nothing. */
export async function rolesDatabase(
  { pgmq, having = roles }: { pgmq: PgmqKind; having?: readonly Role[] },
): Promise<RolesDatabase> {
  const database = await createTestDatabase({ pgmq });
  const { url, sql } = database;
  const prefix = `pgtq_test_${crypto.randomUUID().slice(0, 8)}`;
  const name = (role: Role) => `${prefix}_${role}`;
  const all = [...having, "other"] as const;
  await sql.unsafe(`alter database ${new URL(url).pathname.slice(1)} set pgtq.roles = '${prefix}';
    ${all.map((role) => `create role ${name(role)};`).join(" ")}`);

  // The setting holds for connections that begin after it.
  const open = (role?: string) =>
    postgres(url, { onnotice: () => {}, connection: role === undefined ? {} : { role } });
  const owner = open();
  const pools = new Map<Role, Sql>();
  return {
    url,
    owner,
    name,
    as(role) {
      const pool = pools.get(role) ?? open(name(role));
      pools.set(role, pool);
      return pool;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([owner, ...pools.values()].map((pool) => pool.end({ timeout: 1 })));
      const names = all.map(name).join(", ");
      await sql.unsafe(`drop owned by ${names} cascade; drop role ${names}`);
      await database[Symbol.asyncDispose]();
    },
  };
}
