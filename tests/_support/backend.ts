/**
 * One conformance suite, many backends: every pgmq whose tables the library has to get along with.
 *
 * @module
 */

import process from "node:process";
import { tablesOf } from "../../src/db/tables.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import { close, createQueue, type Queue, setup } from "../../mod.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

const kinds = ["ours", "genuine", "older"] as const;

/**
 * Our `sql/pgmq.sql`, the genuine pgmq, and what that was before its tables had `last_read_at`; or
 * only the one that is asked for.
 */
export const backends = kinds.filter((kind) => kind === (process.env.PGTQ_TEST_PGMQ || kind));

/** The options of a queue, as in `createQueue`. */
export type Options = NonNullable<Parameters<typeof createQueue>[1]>;

/** A queue that exists, and where it is. */
export interface Made {
  readonly queue: Queue;
  readonly site: Site;
  /** The site of the dead letters; that of the queue itself if it has none. */
  readonly letters: Site;
}

/** A row of a queue's or an archive's table, with `bigint` columns as text. */
export interface Row {
  readonly msg_id: string;
  readonly read_ct: number;
  readonly enqueued_at: Date;
  readonly last_read_at?: Date | null;
  readonly archived_at?: Date;
  readonly vt: Date;
  readonly message: unknown;
  readonly headers: Record<string, unknown> | null;
}

/** A database with one kind of pgmq, in use by the library until it is disposed of. */
export interface Backend extends TestDatabase {
  /** Creates a queue of a new name, or of the one given. */
  make(options?: Options, name?: string): Promise<Made>;
  /** All rows of a table, by id. */
  rows(table: string): Promise<Row[]>;
  /** The clock of the database. */
  now(): Promise<Date>;
}

/** Opens a backend of this kind. */
export async function openBackend(kind: typeof backends[number]): Promise<Backend> {
  const database = await createTestDatabase({ pgmq: kind });
  const { sql, url } = database;
  setup({ sql });
  let made = 0;
  return {
    sql,
    url,
    async make(options = {}, name = `queue_${++made}`) {
      const queue = createQueue(name, options);
      await queue.create();
      const { tables, letters = tables } = queue.definition;
      return {
        queue,
        site: await siteOf(sql, tables, "Cannot test"),
        letters: await siteOf(sql, letters, "Cannot test"),
      };
    },
    rows: async (table) => [...await sql.unsafe<Row[]>(`select * from ${table} order by msg_id`)],
    now: async () => (await sql<{ now: Date }[]>`select clock_timestamp() as now`)[0]!.now,
    async [Symbol.asyncDispose]() {
      await close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** The tables of a queue by its name. */
export const tables = tablesOf;
