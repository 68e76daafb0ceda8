/**
 * Puts the lines of a file into a queue.
 *
 * @module
 */

import { fault, parseJson } from "./json.ts";
import { PgtqError } from "../core/errors.ts";
import type { Queue } from "../queue.ts";
import type { EnqueueOptions } from "../queue_options.ts";
import { messageOf } from "./failures.ts";
import { chunksOf, type Line, linesOf } from "./lines.ts";
import { counted } from "./output.ts";

/** How many lines become one statement. */
const chunkSize = 1000;

/** How far it is. */
export interface Tally {
  /** Tasks that are in the queue. */
  sent: number;
  /** The numbers of lines that were left out. */
  readonly skipped: number[];
}

/** What to do with lines. */
export interface LineOptions {
  readonly queue: Queue;
  readonly options: EnqueueOptions;
  /** Whether lines that are not JSON are left out, instead of being an error. */
  readonly skipInvalid: boolean;
}

/**
 * Enqueues a task per line, a chunk at a time, and counts as it goes.
 *
 * @throws {PgtqError} `INVALID_TASK` if a line is not JSON or the database refuses a task: nothing
 *   of its chunk is enqueued, and the message says how much was before
 */
export async function sendLines(
  bytes: AsyncIterable<Uint8Array>,
  { queue, options, skipInvalid }: LineOptions,
  tally: Tally,
): Promise<void> {
  let from = 1;
  try {
    for await (const lines of chunksOf(linesOf(bytes), chunkSize)) {
      from = lines[0]!.number;
      const tasks = lines.flatMap((line) => parse(line, skipInvalid, tally));
      await queue.enqueueMany(tasks, options);
      tally.sent += tasks.length;
    }
  } catch (error) {
    const early = tally.sent === 0 && error instanceof PgtqError;
    if (early && error.code !== "INVALID_TASK") throw error;
    const rest = `${counted(tally.sent, "task")} enqueued, nothing from line ${from} on`;
    const message = `Cannot send to "${queue.name}" as ${messageOf(error)} (${rest})`;
    throw new PgtqError("INVALID_TASK", message, { cause: error });
  }
}

/** The task of a line; none if it is not JSON and may be left out. */
function parse({ number, text }: Line, skipInvalid: boolean, { skipped }: Tally): unknown[] {
  try {
    return [parseJson(text)];
  } catch (error) {
    if (!skipInvalid) throw new TypeError(`line ${number} ${fault(error)}`);
    skipped.push(number);
    return [];
  }
}
