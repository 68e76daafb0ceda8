/**
 * What no vacuum can get past.
 *
 * @module
 */

import type { Database } from "./server.ts";

/**
 * A session with an open snapshot, as of a long report or a stuck replica: rows that die from now on
 * stay in tables and indexes until it is disposed of.
 */
export async function openSnapshot({ sql }: Database): Promise<AsyncDisposable> {
  const session = await sql.reserve();
  await session.unsafe("begin isolation level repeatable read");
  await session.unsafe("select 1");
  return {
    async [Symbol.asyncDispose]() {
      await session.unsafe("rollback");
      session.release();
    },
  };
}
