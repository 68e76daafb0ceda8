/**
 * One set of checks for every pgmq: each file holds a section of the API to what it says.
 *
 * @module
 */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { isOlder } from "../../src/db/pgmq.ts";
import { backends } from "./backend.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

/** What each kind of pgmq is held to. */
const versions = { ours: "1.11.1", genuine: "1.11.1", older: "1.5" };

/** The versions of pgmq that added something; `ours` is what it has by itself. */
export type Version = "ours" | "1.5" | "1.6" | "1.7" | "1.8" | "1.9" | "1.10" | "1.11" | "1.11.1";

/** Later than any queue, message or test. */
export const distantFuture = "2999-01-01 00:00:00+00";

/** A message, or a row of a queue's or an archive's table. */
export interface Message {
  readonly msg_id: string;
  readonly read_ct: number;
  readonly enqueued_at: Date;
  readonly last_read_at?: Date | null;
  readonly archived_at?: Date;
  readonly vt: Date;
  readonly message: unknown;
  readonly headers: unknown;
}

/** What a check has at hand: a database of one kind of pgmq, with one empty queue `q`. */
export interface Pgmq {
  readonly kind: keyof typeof versions;
  /** What it is held to. */
  readonly version: string;
  /** Defines what only a pgmq of this version has. */
  since(version: Version, define: () => void): void;
  /** The database; there is none yet while checks are being defined. */
  database(): TestDatabase;
  /** Any statements, for what they do. */
  exec(statements: string): Promise<void>;
  /** `select …`: the first column of every row, with `bigint` as text. */
  run(call: string): Promise<unknown[]>;
  /** `select * from …`: messages, unless told otherwise. */
  rows<Row = Message>(from: string): Promise<Row[]>;
  /** Runs in one transaction, which is still open when `then` is called. */
  during<T>(statement: string, then: (tx: Sql) => Promise<T>): Promise<T>;
  /** Checks that `select …`, or another statement, is refused with this code. */
  fails(code: string, statement: string, message?: RegExp): Promise<void>;
  /** Sends the messages 1 to `count` to `q`, which have these ids in a new queue. */
  send(count: number): Promise<void>;
  /** For how many seconds from now the message of `q` is hidden, rounded. */
  hidden(id: number | string): Promise<number>;
  /** The clock of the database. */
  now(): Promise<Date>;
}

/** Defines checks for every pgmq that has what this version introduced. */
export function conformance(subject: string, since: Version, define: (pgmq: Pgmq) => void) {
  for (const kind of backends) {
    if (!has(kind, since)) continue;
    describe(`${subject}: ${kind}`, () => {
      let database: TestDatabase | undefined;
      before(async () => {
        database = await createTestDatabase({ pgmq: kind });
        await database.sql.unsafe(impatient);
      });
      beforeEach(async () => {
        await database!.sql`select pgmq.drop_queue(queue_name) from pgmq.list_queues()`;
        // Where two names share a table, dropping one leaves the row of the other.
        await database!.sql`delete from pgmq.meta`;
        await database!.sql`select pgmq.create('q')`;
      });
      after(() => database?.[Symbol.asyncDispose]());
      define(pgmqOf(kind, () => database!));
    });
  }
}

/** Who waits for what a check has locked fails, on connections to come and on the one that is. */
const impatient = `
  do $$ begin
    execute format('alter database %I set lock_timeout = ''20s''', current_database());
  end $$;
  set lock_timeout = '20s'`;

/** The ids of messages in rising order: where none is promised, rows come in any. */
export function ids(messages: readonly Message[]): number[] {
  return messages.map(({ msg_id }) => Number(msg_id)).toSorted((one, other) => one - other);
}

function has(kind: keyof typeof versions, since: Version): boolean {
  return since === "ours" ? kind === "ours" : !isOlder(versions[kind], since);
}

function pgmqOf(kind: keyof typeof versions, database: () => TestDatabase): Pgmq {
  const exec = async (statements: string) => void await database().sql.unsafe(statements);
  const run = async (call: string) => {
    return (await database().sql.unsafe(`select ${call}`).values()).map(([value]) => value);
  };
  return {
    kind,
    version: versions[kind],
    database,
    exec,
    run,
    since: (version, define) => has(kind, version) ? define() : undefined,
    rows: async (from) => [...await database().sql.unsafe(`select * from ${from}`)] as never,
    during: (statement, then) =>
      database().sql.begin(async (tx) => {
        await tx.unsafe(statement);
        return await then(tx as unknown as Sql);
      }) as never,
    async fails(code, statement, message = /./) {
      const whole = /^(?:insert|update) /.test(statement) ? statement : `select ${statement}`;
      const error = await exec(whole).then(() => new Error("it went through"), (error) => error);
      assert.equal(error.code, code, `${statement}: ${error.message}`);
      assert.match(error.message, message);
    },
    async send(count) {
      await run(
        `pgmq.send_batch('q', array(select to_jsonb(n) from generate_series(1, ${count}) n))`,
      );
    },
    async hidden(id) {
      const [seconds] = await run(
        `extract(epoch from vt - clock_timestamp())::float8 from pgmq.q_q where msg_id = ${id}`,
      );
      return Math.round(seconds as number) + 0; // not -0
    },
    now: async () => (await run("clock_timestamp()"))[0] as Date,
  };
}
