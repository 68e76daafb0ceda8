/**
 * One stress run, from an empty database to all that is known of it.
 *
 * @module
 */

import type { Sql } from "../../src/db/connection.ts";
import { Crew } from "./crew.ts";
import { createLog, progress, readPlaces, readRuns, readSample } from "./database.ts";
import type { Evidence, Sample } from "./evidence.ts";
import type { Options } from "./options.ts";
import { type Gate, produce } from "./producers.ts";
import { queueOf } from "./queue.ts";
import { type Random, seeded } from "./random.ts";

/** How often the run is looked at. */
const lookMs = 100;

/** One look in so many is at what is in flight, which reads the whole queue. */
const sampleEvery = 5;

/** How a run is watched from outside. */
export interface Watch {
  /** Gets a line now and then. */
  readonly tell: (line: string) => void;
  /** Gets what has to be called if this process ends early. */
  readonly onAbandon: (abandon: () => void) => void;
}

/** Connections to the database; no use of one must wait for another's. */
export interface Pools {
  readonly sql: Sql;
  readonly clockSql: Sql;
  readonly producerSql: Sql;
}

/** Runs it in the database at `url`, for which the library is set up. */
export async function run(
  url: string,
  { sql, clockSql, producerSql }: Pools,
  options: Options,
  { tell, onAbandon }: Watch,
): Promise<Evidence> {
  const { grouped, lifo, limit, leaseMs, slots, seed } = options;
  const rules = { grouped, lifo, limit, leaseMs };
  const random = seeded(seed);
  await queueOf().create();
  await createLog(sql);
  const crew = new Crew(clockSql, { url, slots, rules }, random);
  onAbandon(() => crew.abandon());
  for (let i = 0; i < options.workers; i++) crew.start();
  const course = new Course(sql, options, crew, random, tell);
  const [tasks] = await Promise.all([produce(producerSql, options, course.gate), course.run()]);
  await crew.stop();
  const places = await readPlaces(sql);
  const { samples } = course;
  const { deaths, freezes, faults, errors } = crew;
  if (errors.length > 0) tell(`${errors.length} errors of workers that went on, such as`);
  for (const error of errors.slice(0, 10)) tell(error);
  return { rules, tasks, runs: await readRuns(sql), deaths, freezes, samples, places, faults };
}

/** The course of a run: how far it has come, and what is due on the way. */
class Course {
  readonly samples: Sample[] = [];
  readonly #sql: Sql;
  readonly #options: Options;
  readonly #crew: Crew;
  readonly #tell: Watch["tell"];
  /** What to do after how many tasks; each says whether it could. */
  readonly #due: { readonly at: number; readonly act: () => boolean }[];
  readonly #endAt: number;
  #asked = 0;
  /** About how many tasks have been processed. */
  #done = 0;
  #over = false;

  constructor(sql: Sql, options: Options, crew: Crew, random: Random, tell: Watch["tell"]) {
    this.#sql = sql;
    this.#options = options;
    this.#crew = crew;
    this.#tell = tell;
    this.#due = [
      ...spread(options.kills, options.tasks, random).map((at) => ({ at, act: () => crew.kill() })),
      ...spread(options.freezes, options.tasks, random).map((at) => ({
        at,
        act: () => crew.freeze(),
      })),
    ].sort((a, b) => a.at - b.at);
    this.#endAt = Date.now() + options.maxMs;
  }

  /** Keeps the queue from getting deep before the workers have come far. */
  readonly gate: Gate = async () => {
    while (!this.#over && this.#asked - this.#done > this.#options.tasks / 5) await pause();
    this.#asked += 6; // an average batch
    return !this.#over;
  };

  async run(): Promise<void> {
    let told = 0;
    for (let look = 0; !this.#over; look++) {
      await pause();
      this.#done = await progress(this.#sql) / 2;
      while (this.#due.length > 0 && this.#due[0]!.at <= this.#done && this.#due[0]!.act()) {
        this.#due.shift();
      }
      if (look % sampleEvery === 0) this.samples.push(await readSample(this.#sql));
      this.#over = Date.now() > this.#endAt || await this.#finished();
      if (Date.now() - told < 5000) continue;
      told = Date.now();
      this.#tell(`about ${Math.round(this.#done)} of ${this.#options.tasks} tasks are done`);
    }
    if (Date.now() > this.#endAt) this.#crew.faults.push("the time of the whole run is over");
  }

  async #finished(): Promise<boolean> {
    if (this.#done < this.#options.tasks) return false;
    return (await readPlaces(this.#sql)).queued === 0;
  }
}

/** Points on the way from 0 to `end`, one in each of `count` equal parts. */
function spread(count: number, end: number, random: Random): number[] {
  return Array.from({ length: count }, (_, i) => (i + random()) * end / count);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, lookMs));
}
