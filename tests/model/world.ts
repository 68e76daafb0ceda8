/**
 * The real thing: a queue on Postgres, and workers with connections of their own.
 *
 * @module
 */

import postgres from "postgres";
import { createQueue, setup } from "../../mod.ts";
import type { Queryable, Sql } from "../../src/db/connection.ts";
import type { Crew, Rules } from "../../src/db/flights.ts";
import { type Site, siteOf } from "../../src/db/site.ts";
import type { Round } from "../../src/db/round.ts";
import { Turns } from "../../src/db/turns.ts";
import type { Times } from "./claims.ts";
import { Fairness } from "./claims.ts";
import type { Row, State } from "./state.ts";

/** How many workers there are. */
export const workforce = 3;

/** A statement that waits for another one for longer is stuck. */
const stuckMs = 10_000;

/** No statement takes as long. */
export const timeoutMs = 60_000;

/** What a worker has in memory. */
export interface Worker {
  readonly turns: Turns;
  /** As whom it claims, once for each of its lives. */
  crew: Crew | undefined;
  round: Round | undefined;
  fairness: Fairness;
}

/** How many tasks each worker runs at once. */
export type Seats = readonly (number | undefined)[];

/** What the tables hold. */
export interface Seen {
  readonly state: State;
  readonly times: Times;
}

/** One queue. It is emptied between runs, as a new one takes longer. */
export class World implements AsyncDisposable {
  readonly sql: Sql;
  readonly site: Site;
  readonly letters: Site;
  readonly workers: readonly Worker[];
  rules: Rules = { grouped: true, lifo: false, limit: undefined };
  /** How many tasks each worker runs at once; `undefined` for one that doesn't say so. */
  seats: Seats = [];
  #lives = 0;

  private constructor(sql: Sql, site: Site, letters: Site) {
    this.sql = sql;
    this.site = site;
    this.letters = letters;
    this.workers = Array.from({ length: workforce }, () => ({
      turns: new Turns(sql),
      crew: undefined,
      round: undefined,
      fairness: new Fairness(),
    }));
  }

  /** Creates the queue. */
  static async open(url: string, name: string): Promise<World> {
    const sql = postgres(url, {
      max: 8,
      fetch_types: false,
      onnotice: () => {},
      connection: { lock_timeout: stuckMs },
    }) as Sql;
    setup({ sql });
    const queue = createQueue(name);
    await queue.create();
    const { tables, letters } = queue.definition;
    const doing = "Cannot test";
    return new World(sql, await siteOf(sql, tables, doing), await siteOf(sql, letters!, doing));
  }

  /** Begins anew: with an empty queue and workers that have just started. */
  async reset(rules: Rules, seats: Seats): Promise<void> {
    this.rules = rules;
    this.seats = seats;
    for (let worker = 0; worker < workforce; worker++) this.restart(worker);
    const tables = [this.site, this.letters].flatMap((
      { tables },
    ) => [tables.queue, tables.archive]);
    const clear = tables.map((table) => `delete from ${table};`);
    const sequences = [this.site, this.letters].map(({ tables: { queue } }) =>
      `select setval(pg_get_serial_sequence('${queue}', 'msg_id'), 1, false);`
    );
    await this.sql.unsafe([...clear, ...sequences].join("\n"));
  }

  /** Puts a new worker in the place of one. */
  restart(worker: number): void {
    const seats = this.seats[worker];
    const name = `${worker}, life ${++this.#lives}`;
    this.workers[worker]!.crew = seats === undefined ? undefined : { worker: name, seats };
    this.workers[worker]!.round = undefined;
    this.workers[worker]!.fairness = new Fairness();
  }

  /** Has hours go by. */
  async pass(hours: number): Promise<void> {
    const { queue } = this.site.tables;
    await this.sql.unsafe(
      `update ${queue} set vt = vt - $1::int * interval '1 hour'`,
      [hours],
      { prepare: true },
    );
  }

  /** All rows of all tables. */
  async look(sql: Queryable = this.sql): Promise<Seen> {
    const [tables, letters] = [this.site.tables, this.letters.tables];
    const text = [
      look("queue", tables.queue, "x-pgtq-redriven-from"),
      look("archive", tables.archive, "x-pgtq-dlq"),
      look("letters", letters.queue),
      look("redriven", letters.archive, "x-pgtq-retry"),
    ].join("\nunion all\n");
    const seconds = 3600; // a parameter, as the driver prepares no statement without
    const rows = await sql.unsafe<(Row & { vt: number })[]>(text, [seconds], { prepare: true });
    const times = rows.filter(({ place }) => place === "queue").map(({ id, vt }) =>
      [id, vt] as const
    );
    return { state: rows.map(({ vt: _, ...row }) => row), times: new Map(times) };
  }

  /** Ends all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const { turns } of this.workers) await turns[Symbol.asyncDispose]();
    await this.sql.end({ timeout: 1 });
  }
}

function look(place: Row["place"], table: string, link?: string): string {
  const number = (name: string) => `(headers ->> '${name}')::int`;
  const letter = place === "letters" || place === "redriven";
  return `
    select '${place}' as place, msg_id::int as id, headers ->> 'x-pgmq-group' as "group",
      ${
    place === "queue" ? "round(extract(epoch from vt - clock_timestamp()) / $1::int)::int" : 0
  } as due,
      read_ct as deliveries, headers ->> 'x-pgtq-status' as status,
      headers #>> '{x-pgtq-rules,worker}' as worker,
      (headers #>> '{x-pgtq-rules,seats}')::int as seats,
      coalesce(${letter ? "message" : "headers"} -> '${letter ? "errors" : "x-pgtq-errors"}', '[]')
        as errors,
      coalesce(${number("x-pgtq-releases")}, 0) as releases, ${number("x-pgtq-settled")} as settled,
      ${letter ? "(message ->> 'msg_id')::int" : number("x-pgtq-original")} as failed,
      ${number("x-pgtq-root")} as root, ${link ? number(link) : "null::int"} as link,
      extract(epoch from vt)::float8 as vt
    from ${table}`;
}
