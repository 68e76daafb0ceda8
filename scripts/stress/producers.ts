/**
 * Producers that enqueue while the workers run.
 *
 * @module
 */

import type { Queryable, Sql } from "../../src/db/connection.ts";
import { clock } from "./database.ts";
import type { Task } from "./evidence.ts";
import type { Options } from "./options.ts";
import { type Payload, queueOf } from "./queue.ts";
import { below, type Random, seeded } from "./random.ts";

/** Resolves once more tasks are wanted; `false` if no more are at all. */
export type Gate = () => Promise<boolean>;

/** Most tasks of one statement. */
const batchSize = 12;

/** Groups in which every batch is late: few tasks, so that the next one finds its group idle. */
const lateGroups = 10;

/** The part of all tasks that goes there. */
const lateShare = 0.04;

/** What a producer is for. */
interface Role {
  readonly groups: readonly string[];
  readonly tasks: number;
  /** The part of its batches that is late, and by how much at most. */
  readonly late: number;
  readonly lateMs: number;
}

/** How many connections producers use at once. */
export function connectionsOf({ producers }: Options): number {
  return 2 * (producers + lateGroups);
}

/**
 * Enqueues all tasks of all producers and returns them. A group has one producer, so that what was
 * committed when is known well enough to judge the order by. `sql` must have as many connections as
 * {@linkcode connectionsOf} says, or producers could wait for each other.
 */
export async function produce(sql: Sql, options: Options, gate: Gate): Promise<Task[]> {
  const made = await Promise.all(
    rolesOf(options).map((role, n) => {
      return new Producer(sql, options, role, seeded(options.seed * 1000 + n)).run(gate);
    }),
  );
  return made.flat();
}

function rolesOf({ groups, tasks, producers }: Options): Role[] {
  const names = Array.from({ length: groups }, (_, i) => `g${i}`);
  const lateNames = names.splice(0, Math.min(lateGroups, Math.floor(groups / 5)));
  const lateTasks = lateNames.length > 0 ? Math.floor(lateShare * tasks) : 0;
  const late = lateNames.map((name): Role => {
    return {
      groups: [name],
      tasks: Math.floor(lateTasks / lateNames.length),
      late: 1,
      lateMs: 1500,
    };
  });
  const rest = tasks - late.reduce((sum, { tasks }) => sum + tasks, 0);
  const count = Math.min(producers, names.length);
  const plain = Array.from({ length: count }, (_, n): Role => ({
    groups: names.filter((_, i) => i % count === n),
    tasks: Math.floor((n + 1) * rest / count) - Math.floor(n * rest / count),
    late: 0.03,
    lateMs: 100,
  }));
  return [...late, ...plain];
}

class Producer {
  readonly #queue = queueOf();
  readonly #sql: Sql;
  readonly #options: Options;
  readonly #role: Role;
  readonly #random: Random;
  readonly #made: Task[] = [];
  /** When the last statement was over. */
  #now = 0;

  constructor(sql: Sql, options: Options, role: Role, random: Random) {
    this.#sql = sql;
    this.#options = options;
    this.#role = role;
    this.#random = random;
  }

  async run(gate: Gate): Promise<Task[]> {
    const { tasks, late } = this.#role;
    this.#now = await clock(this.#sql);
    while (this.#made.length < tasks && await gate()) {
      const batch = this.#batch(tasks - this.#made.length);
      if (this.#random() < late && batch.length > 1) await this.#late(batch);
      else await this.#plain(batch, this.#random() < 0.03 ? below(500, this.#random) : 0);
    }
    return this.#made;
  }

  async #plain(batch: readonly Payload[], delayMs: number): Promise<void> {
    const sent = this.#now;
    const ids = await this.#queue.enqueueMany(batch, { delay: delayMs / 1000, sql: this.#sql });
    await this.#committed(ids, batch, sent);
  }

  /** The lower ids are committed after the higher ones, of which the first may be running then. */
  async #late(batch: readonly Payload[]): Promise<void> {
    const half = Math.floor(batch.length / 2);
    const [first, ...others] = batch.slice(half);
    const sent = this.#now;
    const early = await this.#sql.begin(async (sql: Queryable) => {
      const ids = await this.#queue.enqueueMany(batch.slice(0, half), { sql });
      await this.#plain([{ ...first!, ms: 300 }, ...others], 0);
      const ms = below(this.#role.lateMs, this.#random);
      await new Promise((resolve) => setTimeout(resolve, ms));
      return ids;
    }) as number[];
    await this.#committed(early, batch, sent);
  }

  async #committed(ids: readonly number[], batch: readonly Payload[], sent: number): Promise<void> {
    this.#now = await clock(this.#sql);
    const { grouped } = this.#options;
    ids.forEach((id, i) => {
      const { group, dies } = batch[i]!;
      this.#made.push({
        id,
        group: grouped ? group : String(id),
        sent,
        committed: this.#now,
        dies,
      });
    });
  }

  /** Tasks of one group; some groups get many more than others. */
  #batch(most: number): Payload[] {
    const { groups } = this.#role;
    const group = groups[Math.floor(groups.length * this.#random() ** 1.5)]!;
    const size = Math.min(most, 1 + below(batchSize, this.#random));
    return Array.from({ length: size }, () => this.#payload(group));
  }

  #payload(group: string): Payload {
    const { tasks, leaseMs } = this.#options;
    const random = this.#random;
    const ms = random() < 8 / tasks
      ? 1.5 * leaseMs // only renewals of the lease get it through
      : random() < 0.1
      ? below(50, random)
      : below(4, random);
    const chance = random();
    const fails = chance < 0.004 ? 2 : chance < 0.02 ? 1 : 0;
    return { group, ms, fails, dies: random() < 0.001 };
  }
}
