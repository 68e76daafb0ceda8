/**
 * Where both sides meet: a database of its own, our workers, and theirs.
 *
 * @module
 */

import { setTimeout as pause } from "node:timers/promises";
import postgres from "postgres";
import {
  close,
  createQueue,
  processor,
  type ProcessorOptions,
  type Queue,
  type QueueOptions,
  setup,
  type Sql,
  Worker,
  type WorkerEvents,
  type WorkerOptions,
} from "../../mod.ts";
import { pgmqSql } from "../../src/db/pgmq_sql.ts";
import { Python } from "../../tests/_support/python_rows.ts";
import type { Environment, Program } from "./python.ts";

/** A task: who is to fail at it, who to hold it until told to let go, and how long it takes. */
export interface Task {
  readonly queue: string;
  readonly n: number;
  readonly fails?: "python" | "ours";
  readonly holds?: "python" | "ours";
  readonly seconds?: number;
  readonly task_id?: string;
}

/** One run of a handler. */
export interface Run {
  readonly who: "python" | "ours";
  readonly n: number;
}

/** A queue both sides use. */
export interface Shared {
  readonly queue: Queue<Task>;
  /** The tables, and Python's steps as our tests know them. */
  readonly python: Python;
  /** A task of this queue. */
  task(n: number, rest?: Partial<Task>): Task;
  /** Has the real package do something. */
  ask(command: { do: string; [name: string]: unknown }): Promise<unknown>;
  /** The runs of handlers so far, in the order they began. */
  runs(): Promise<Run[]>;
  /** How many ran at once at most: of all, or of one group (tasks of the same `n % groups`). */
  most(groups?: number): Promise<number>;
  /** Resolves once this is so; asked again after every change of the queue and its archive. */
  until(condition: () => Promise<boolean>): Promise<void>;
  /** Resolves once so many tasks are in the archive. */
  archived(count: number): Promise<void>;
  /** The command line worker of the package, on this queue. */
  worker(): Program;
  /** Our worker on this queue. */
  ours(options?: ProcessorOptions, worker?: Partial<WorkerOptions>): OurWorker;
}

/** A worker of ours that tells what happens. */
export interface OurWorker extends AsyncDisposable {
  /** Resolves with the next event of this name. */
  next<Name extends keyof WorkerEvents>(name: Name): Promise<WorkerEvents[Name]>;
  /** Resolves once the handler has a task to hold. */
  readonly holding: Promise<void>;
  /** Lets go of it. */
  release(): void;
  /** Processes what is due. */
  drain(): Promise<void>;
  /** Processes until disposed of. */
  start(): void;
}

/** The database, with everything on it, until it is disposed of. */
export interface Stage extends AsyncDisposable {
  readonly sql: Sql;
  /** A new and empty queue. */
  shared(name: string, options?: QueueOptions<Task>): Promise<Shared>;
}

/** Sets the stage. */
export async function openStage(url: string, environment: Environment): Promise<Stage> {
  const sql = postgres(url, { onnotice: () => {} });
  setup({ sql });
  await prepare(sql);
  let changed = Promise.withResolvers<void>();
  await sql.listen("changes", () => {
    changed.resolve();
    changed = Promise.withResolvers();
  });
  const peer = environment.start(as("python_peer"), "peer.py");

  function as(role: string): string {
    const own = new URL(url);
    own.username = role;
    return own.href;
  }

  async function ask(command: object): Promise<unknown> {
    peer.say(JSON.stringify(command));
    const { result, error } = await peer.hear();
    if (error !== undefined) throw new Error(`Python: ${error}`);
    return result;
  }

  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let next = changed.promise; !await condition(); next = changed.promise) await next;
  }

  return {
    sql,
    async shared(name, options) {
      // A worker that has been killed goes on polling on the server.
      await sql`
        select pg_terminate_backend(pid) from pg_stat_activity where usename = 'python_worker'`;
      const queue = createQueue<Task>(name, options);
      await queue.drop();
      await queue.create();
      await watch(sql, name);
      await sql`delete from runs`;
      const flags = ["--include", name, "--poll-interval-seconds", "0.1"];
      return {
        queue,
        python: new Python(sql, queue),
        task: (n, rest = {}) => ({ queue: name, n, ...rest }),
        ask: (command) => ask({ queue: name, ...command }),
        runs: async () => [...await sql<Run[]>`select who, n from runs order by run`],
        most: (groups) => most(sql, groups),
        until,
        archived: (count) => until(async () => (await queue.stats()).archived >= count),
        worker: () =>
          environment.start(
            as("python_worker"),
            "-m",
            "postgres_task_queue.worker",
            "handlers",
            ...flags,
          ),
        ours: (options = {}, worker = {}) => ourWorker(sql, queue, options, worker),
      };
    },
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await close();
      await sql.end({ timeout: 1 });
    },
  };
}

async function prepare(sql: Sql): Promise<void> {
  await sql.unsafe(pgmqSql);
  await sql.unsafe(`
    create role python_peer superuser login;
    create role python_worker superuser login;
    create table runs (
      run bigint primary key generated always as identity, who text, queue text, n int,
      began timestamptz default clock_timestamp(), ended timestamptz
    );
    create function changed() returns trigger language plpgsql as $$
      begin notify changes; return null; end
    $$`);
}

/** Has every change of a queue and its archive announced. */
async function watch(sql: Sql, name: string): Promise<void> {
  for (const table of [`q_${name}`, `a_${name}`]) {
    await sql.unsafe(`
      create trigger changed after insert or update or delete on pgmq.${table}
      execute function changed()`);
  }
}

async function most(sql: Sql, groups: number | undefined): Promise<number> {
  const [row] = await sql<{ most: string }[]>`
    select coalesce(max(together), 0) as most from (
      select (
        select count(*) from runs b where b.began <= a.began and b.ended > a.began
          and (${groups ?? null}::int is null or b.n % ${groups ?? null}::int = a.n % ${
    groups ?? null
  }::int)
      ) as together from runs a
    ) counts`;
  return Number(row!.most);
}

function ourWorker(
  sql: Sql,
  queue: Queue<Task>,
  options: ProcessorOptions,
  rest: Partial<WorkerOptions>,
): OurWorker {
  const holding = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const handler = async ({ n, fails, holds, seconds = 0 }: Task) => {
    const [row] = await sql<{ run: string }[]>`
      insert into runs (who, queue, n) values ('ours', ${queue.name}, ${n}) returning run`;
    try {
      if (fails === "ours") throw new Error("ours");
      if (holds === "ours") {
        holding.resolve();
        await released.promise;
      }
      await pause(seconds * 1000);
    } finally {
      await sql`update runs set ended = clock_timestamp() where run = ${row!.run}`;
    }
  };
  const worker = new Worker({
    processors: [processor(queue, options, handler)],
    pollInterval: "100ms",
    ...rest,
  });
  return {
    next: (name) =>
      new Promise((resolve) => {
        const end = worker.on(name, (event) => {
          end();
          resolve(event);
        });
      }),
    holding: holding.promise,
    release: () => released.resolve(),
    drain: async () => void await worker.drain(),
    start: () => void worker.run(),
    async [Symbol.asyncDispose]() {
      released.resolve();
      await worker.stop();
    },
  };
}
