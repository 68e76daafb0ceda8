/**
 * What the sessions of a database do, by the name that they go under.
 *
 * @module
 */

import type { Sql } from "../../src/db/connection.ts";

/** Longer than any machine takes: what has not happened by then is not going to. */
const endlessMs = 20_000;

/** An address with a name for the sessions that use it. */
export function named(url: string, name: string): string {
  return `${url}?application_name=${name}`;
}

/** What sessions of that name have been told last. */
export async function toldTo(sql: Sql, name: string): Promise<string[]> {
  const rows = await sql<{ query: string }[]>`
    select query from pg_stat_activity
    where datname = current_database() and application_name = ${name}`;
  return rows.map(({ query }) => query);
}

/** Resolves once a session of that name listens. */
export async function untilListening(sql: Sql, name: string): Promise<void> {
  await until(`${name} listens`, async () => {
    const listening = await sql`
      select from pg_stat_activity where datname = current_database()
        and application_name = ${name} and query like 'listen %' and state = 'idle'`;
    return listening.length > 0;
  });
}

/** Resolves once there is no session of that name. */
export async function untilGone(sql: Sql, name: string): Promise<void> {
  await until(`${name} is gone`, async () => (await toldTo(sql, name)).length === 0);
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + endlessMs;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`In vain until ${what}`);
  }
}
