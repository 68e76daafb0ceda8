/**
 * The tables and the channel of a queue, as pgmq names them.
 *
 * @module
 */

import { shown } from "../core/duration.ts";
import { PgtqError } from "../core/errors.ts";

/** One pgmq queue, with names that are quoted and ready to be part of a statement. */
export interface Tables {
  /** The name as the user gave it. */
  readonly name: string;
  /** The table of waiting and running tasks. */
  readonly queue: string;
  /** The table of finished tasks. */
  readonly archive: string;
  /** Where producers notify of inserts. */
  readonly channel: string;
}

/** Where there may be news: pgmq's own trigger keeps the name as it was given. */
export function channelsOf({ name, channel }: Tables): string[] {
  return [...new Set([channel, `pgmq.q_${name}.INSERT`])];
}

/** pgmq's own limit; longer table names would be cut by Postgres and shared by several queues. */
const maxBytes = 47;

/**
 * Names the tables of a queue.
 *
 * @throws {PgtqError} `INVALID_NAME` if pgmq can't have a queue of this name
 */
export function tablesOf(name: string): Tables {
  const fault = faultOf(name);
  if (fault) {
    throw new PgtqError("INVALID_NAME", `Cannot use ${shown(name)} as a queue name as it ${fault}`);
  }
  const lower = name.toLowerCase();
  return {
    name,
    queue: `pgmq."q_${lower}"`,
    archive: `pgmq."a_${lower}"`,
    channel: `pgmq.q_${lower}.INSERT`,
  };
}

function faultOf(name: unknown): string | undefined {
  if (typeof name !== "string") return "must be a string";
  if (name === "") return "is empty";
  const forbidden = /--|[$;'"\0]/.exec(name);
  if (forbidden) return `must not contain ${forbidden[0].replace("\0", "NUL")}`;
  if (!name.isWellFormed()) return "must not contain half a surrogate pair";
  // Postgres lower-cases letters outside ASCII or not, depending on the database's locale.
  if (/[^\0-\x7f]/.test(name) && name.toLowerCase() !== name) {
    return "must not mix capitals with letters outside ASCII";
  }
  const bytes = new TextEncoder().encode(name).length;
  return bytes > maxBytes ? `must be at most ${maxBytes} bytes long: it has ${bytes}` : undefined;
}
