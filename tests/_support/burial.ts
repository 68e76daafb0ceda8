/**
 * How tasks come to die, statement by statement, as a worker would have it.
 *
 * @module
 */

import { claim } from "../../src/db/claim.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { bury, type Graveyard } from "../../src/db/dead.ts";
import type { Made } from "./backend.ts";

/** Claims tasks. */
export async function take({ site }: Made, count = 1) {
  return (await claim(site, { limit: count, leaseMs: 30_000 })).deliveries;
}

/** The graveyard as workers derive it from the queue's options. */
export function graveyard({ queue: { definition } }: Made): Graveyard {
  return { letters: definition.letters, archive: definition.archive !== undefined };
}

/** Sends a task and has it fail for good; returns the id of the task. */
export async function die(made: Made, body: unknown, headers?: object, error = "Error: dead") {
  const tasks = [{
    message: JSON.stringify(body),
    headers: headers ? JSON.stringify(headers) : null,
  }];
  const { sql, tables } = made.site;
  const [id] = await enqueue(sql, tables, tasks, { delayMs: 0, at: null });
  await fail(made, error);
  return id!;
}

/** Has the next task fail for good. */
export async function fail(made: Made, error = "Error: dead") {
  const [delivery] = await take(made);
  await bury(made.site, [{ ...delivery!, error }], graveyard(made));
}
