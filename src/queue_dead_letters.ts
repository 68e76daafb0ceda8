/**
 * The dead letters of a queue.
 *
 * @module
 */

import { PgtqError } from "./core/errors.ts";
import { connection } from "./db/connection.ts";
import { type DeadLetter, listDead } from "./db/dead.ts";
import type { Tables } from "./db/tables.ts";
import { type Page, parsePage } from "./queue_listing_options.ts";
import type { QueueDefinition } from "./queue_options.ts";

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
