/**
 * Which pgmq a database has, and whether it will do.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { query, type Queryable } from "./connection.ts";
import { address } from "./trouble.ts";

/** What the catalogs say about pgmq. */
export interface Found {
  /** There is a schema `pgmq` with something in it. */
  readonly present: boolean;
  /** The version of the extension, if it is one. */
  readonly extension: string | null;
  /** The version of the extension that the server could create. */
  readonly available: string | null;
  /** The version of our own SQL, if it is that, such as `1.11.1+1`; `0` if it was cut short. */
  readonly ours: string | null;
  /** Functions such as `create(text)` and columns such as `meta.queue_name`. */
  readonly objects: readonly string[];
}

/** The oldest pgmq whose tables have all that the library relies on. */
export const oldest = "1.5";

const needed = ["meta.queue_name", "create(text)", "drop_queue(text)", "purge_queue(text)"];

/** What tells the versions of a pgmq apart that was installed as plain SQL, newest first. */
const marks = [
  ["1.11.1", "read_grouped_head(text, integer, integer)"],
  ["1.11.0", "bind_topic(text, text)"],
  ["1.10.0", "message_record.last_read_at"],
  ["1.9.0", "read_grouped(text, integer, integer)"],
  ["1.8.0", "set_vt(text, bigint[], integer)"],
  ["1.7.0", "pop(text, integer)"],
  ["1.5.0", "message_record.headers"],
  ["1.4", "message_record.msg_id"],
] as const;

/**
 * Makes sure that the database has a pgmq that will do, and changes nothing.
 *
 * @returns its version; for one installed as plain SQL, the oldest that has what it has
 * @throws {PgtqError} `MISSING_PGMQ`, `OLD_PGMQ` or `BROKEN_PGMQ`, each with what helps
 */
export async function checkPgmq(sql: Queryable): Promise<string> {
  const found = await look(sql);
  if (found.present) return versionOf(found);
  throw new PgtqError(
    "MISSING_PGMQ",
    `Cannot use pgmq as it is not installed in ${address(sql)}: run \`pgtq install\``,
  );
}

/** Reads the catalogs, which any role may do. */
export async function look(sql: Queryable): Promise<Found> {
  const text = `
    with pgmq as (
      select oid, obj_description(oid, 'pg_namespace') as remark
      from pg_namespace where nspname = 'pgmq'
    ), objects as (
      select p.proname || '(' || oidvectortypes(p.proargtypes) || ')' as name
      from pgmq join pg_proc p on p.pronamespace = pgmq.oid
      union all
      select c.relname || '.' || a.attname
      from pgmq join pg_class c on c.relnamespace = pgmq.oid join pg_attribute a on a.attrelid = c.oid
      where c.relname in ('meta', 'message_record')
    )
    select
      exists (
        select from pgmq join pg_depend d on d.refobjid = pgmq.oid
        where d.refclassid = 'pg_namespace'::regclass
      ) as present,
      (select extversion from pg_extension where extname = 'pgmq') as extension,
      (select default_version from pg_available_extensions where name = 'pgmq') as available,
      (select substring(remark from '^pgtq pgmq (.+)$') from pgmq) as ours,
      (select coalesce(json_agg(name), '[]') from objects) as objects`;
  const [found] = await query<Found>(sql, text, [], "Cannot look for pgmq");
  return found as Found;
}

/**
 * The version of a pgmq that will do.
 *
 * @throws {PgtqError} `OLD_PGMQ` or `BROKEN_PGMQ`
 */
export function versionOf(found: Found): string {
  const { extension, ours, objects } = found;
  const mark = marks.find(([, name]) => objects.includes(name));
  const version = extension ?? ours?.split("+")[0] ?? mark?.[0];
  if (version && isOlder(version, oldest)) throw old(version, found);

  const missing = needed.filter((name) => !objects.includes(name));
  if (version && missing.length === 0) return version;
  throw new PgtqError(
    "BROKEN_PGMQ",
    `Cannot use the pgmq in this database as it lacks ${missing.join(", ")}`,
  );
}

function old(version: string, { extension, ours }: Found): PgtqError {
  const update = ours ? "`pgtq install`" : "the update scripts of pgmq";
  const advice = extension ? "ALTER EXTENSION pgmq UPDATE" : update;
  return new PgtqError(
    "OLD_PGMQ",
    `Cannot use pgmq ${version} as version ${oldest} or newer is needed: run ${advice}`,
  );
}

/** Compares versions such as `1.11.1` or `1.11.1+2` number by number. */
export function isOlder(version: string, than: string): boolean {
  const [left, right] = [version, than].map((text) => text.split(/[.+]/).map(Number));
  const difference = right?.map((part, at) => (left?.[at] ?? 0) - part).find((d) => d !== 0);
  return difference !== undefined && difference < 0;
}
