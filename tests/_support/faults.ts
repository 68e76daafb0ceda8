/**
 * Faults of upstream that ours doesn't have, each one check: ours has to pass it, the genuine pgmq
 * has to fail it, so that a check which proves nothing is found out.
 *
 * @module
 */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { backends } from "./backend.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

/** A database of one kind of pgmq, with one empty queue `q`. */
export interface Subject {
  readonly kind: "ours" | "genuine";
  readonly sql: Sql;
  /** Any statements, for what they do. */
  exec(statements: string): Promise<void>;
  /** `select …`: the first column of every row, with `bigint` as number. */
  run(call: string): Promise<unknown[]>;
  /** A connection of its own, in a transaction that is undone in the end. */
  open(begin?: string): Promise<Session>;
  /** Whether something waits for a session, which is then ended. */
  waits(something: Promise<unknown>, session: Session): Promise<boolean>;
}

/** A connection in a transaction. */
export interface Session extends AsyncDisposable {
  readonly pid: number;
  exec(statements: string): Promise<void>;
  run(call: string): Promise<unknown[]>;
  commit(): Promise<void>;
}

/** Throws an `AssertionError` where the fault shows. */
type Check = (subject: Subject) => Promise<void>;

/** Defines checks by what a pgmq without the fault does. */
export function faults(about: string, checks: Readonly<Record<string, Check>>): void {
  for (const kind of ["ours", "genuine"] as const) {
    if (!backends.includes(kind)) continue;
    describe(`${about}: ${kind === "ours" ? "ours does" : "upstream doesn't"}`, () => {
      let database: TestDatabase | undefined;
      before(async () => {
        database = await createTestDatabase({ pgmq: kind });
      });
      beforeEach(() => reset(database!.sql));
      after(() => database?.[Symbol.asyncDispose]());
      for (const [name, check] of Object.entries(checks)) {
        it(name, async () => {
          const run = () => check(subject(kind, database!));
          await (kind === "ours" ? run() : assert.rejects(run, assert.AssertionError));
        });
      }
    });
  }
}

/** Sends messages to `q`: the first letter of each word is its group, the rest its delay. */
export async function sendGroups({ exec }: Subject, words: string): Promise<void> {
  const sends = words.split(" ").map((word) => {
    const headers = `'{"x-pgmq-group": "${word[0]}"}'::jsonb`;
    return `pgmq.send('q', '"${word}"', ${headers}, ${Number(word.slice(1))})`;
  });
  await exec(sends.map((send) => `select ${send};`).join("\n"));
}

/** Not by `drop_queue`, which can't drop all that a check may leave behind. */
async function reset(sql: Sql): Promise<void> {
  await sql.unsafe(`
    do $$
    declare
      name text;
    begin
      for name in
        select relname from pg_class
        where relnamespace = 'pgmq'::regnamespace and relkind = 'r' and relname ~ '^[aq]_'
      loop
        execute format('drop table pgmq.%I', name);
      end loop;
    end
    $$;
    delete from pgmq.meta;
    select pgmq.create('q')`);
}

function subject(kind: Subject["kind"], { sql }: TestDatabase): Subject {
  const run = (call: string) => firstColumn(sql, call);
  return {
    kind,
    sql,
    exec: async (statements) => void await sql.unsafe(statements),
    run,
    open: (begin = "begin") => open(sql, begin),
    async waits(something, { pid, commit }) {
      let settled = false;
      const mark = () => void (settled = true);
      something.then(mark, mark);
      let blocked: unknown[] = [];
      while (!settled && blocked.length === 0) {
        blocked = await run(`from pg_stat_activity where ${pid} = any (pg_blocking_pids(pid))`);
      }
      if (blocked.length > 0) await commit();
      await something;
      return blocked.length > 0;
    },
  };
}

async function open(sql: Sql, begin: string): Promise<Session> {
  const connection = await sql.reserve();
  await connection.unsafe(begin);
  const run = (call: string) => firstColumn(connection as unknown as Sql, call);
  return {
    pid: (await run("pg_backend_pid()"))[0] as number,
    exec: async (statements) => void await connection.unsafe(statements),
    run,
    commit: async () => void await connection.unsafe("commit"),
    async [Symbol.asyncDispose]() {
      await connection.unsafe("rollback");
      connection.release();
    },
  };
}

async function firstColumn(sql: Sql, call: string): Promise<unknown[]> {
  const values = (await sql.unsafe(`select ${call}`).values()).map(([value]) => value);
  return values.map((value) => /^\d+$/.test(value) ? Number(value) : value);
}
