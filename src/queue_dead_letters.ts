/**
 * The dead letters of a queue.
 *
 * @module
 */

import { shown } from "./core/duration.ts";
import { PgtqError } from "./core/errors.ts";
import { connection } from "./db/connection.ts";
import { type DeadLetter, listDead } from "./db/dead.ts";
import { keyOfLetter, newestLetter, type Redrive, redrive } from "./db/redrive.ts";
import { siteOf } from "./db/site.ts";
import type { Tables } from "./db/tables.ts";
import { type Page, parsePage } from "./queue_listing_options.ts";
import type { QueueDefinition } from "./queue_options.ts";

/** How many dead letters one statement redrives. */
const chunkSize = 1000;

/** The dead letters of a queue. */
export class DeadLetters {
  #definition: QueueDefinition;

  /** Use `queue.dlq`. */
  constructor(definition: QueueDefinition) {
    this.#definition = definition;
  }

  /**
   * Lists dead letters from the oldest on.
   *
   * @throws {PgtqError} `MISSING_QUEUE` if the queue was defined with `dlq: false`
   */
  async list(options: Page = {}): Promise<DeadLetter[]> {
    const { tables } = this.#definition;
    const page = parsePage(`the dead letters of "${tables.name}"`, options);
    return await listDead(connection(), tables, lettersOf(this.#definition), page);
  }
}

/** Where the dead letters of a queue are. */
export function lettersOf({ tables, letters }: QueueDefinition): Tables {
  if (letters) return letters;
  throw new PgtqError(
    "MISSING_QUEUE",
    `Cannot use the dead letters of "${tables.name}" as the queue was defined with dlq: false`,
  );
}

/** Redrives one dead letter; returns the id of the new task, `undefined` if the letter is gone. */
export async function redriveOne(
  definition: QueueDefinition,
  id: number,
): Promise<number | undefined> {
  const sites = await redriveSites(definition);
  const [redriven] = await redrive(sites, { first: id, last: id, limit: 1 });
  if (!redriven || redriven.task !== undefined) return redriven?.task;
  const taken = await keyOfLetter(sites, id);
  if (taken) throw keyTaken(definition.tables, id, taken);
}

/** Redrives the oldest dead letters whose keys are free; returns how many. */
export async function redriveOldest(definition: QueueDefinition, limit: number): Promise<number> {
  const sites = await redriveSites(definition);
  const last = await newestLetter(connection(), sites.letters.tables);
  let first = 0;
  let count = 0;
  while (count < limit) {
    const wanted = Math.min(chunkSize, limit - count);
    const chunk = await redrive(sites, { first, last, limit: wanted });
    count += chunk.filter(({ task }) => task !== undefined).length;
    if (chunk.length < wanted) break;
    // Some of these may have stayed: the next chunk begins behind them.
    first = chunk.at(-1)!.letter + 1;
  }
  return count;
}

async function redriveSites(definition: QueueDefinition): Promise<Redrive> {
  const { tables, lettersArchive } = definition;
  const sql = connection();
  const doing = `Cannot redrive to "${tables.name}"`;
  return {
    letters: await siteOf(sql, lettersOf(definition), doing, tables.name),
    queue: await siteOf(sql, tables, doing),
    archive: lettersArchive !== undefined,
  };
}

function keyTaken(
  { name }: Tables,
  id: number,
  { key, task }: { key: string; task: number | undefined },
): PgtqError {
  // The task may have finished since it was in the way.
  const who = task === undefined ? "another task that has just finished" : `task ${task}`;
  return new PgtqError(
    "KEY_TAKEN",
    `Cannot redrive dead letter ${id} to "${name}" as ${who} has its key ${shown(key)}`,
  );
}
