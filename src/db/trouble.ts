/**
 * Turns what the driver throws into one readable line.
 *
 * @module
 */

import { type ErrorCode, PgtqError } from "../core/errors.ts";
import type { Queryable, Sql } from "./connection.ts";

interface Reason {
  readonly code: ErrorCode;
  /** `name` is the queue's, if the sentence that fails has one. */
  readonly text: (message: string, where: string, name: string) => string;
}

const unreachable: Reason = {
  code: "NO_DATABASE",
  text: (message, where) => `the database ${where} can't be reached: ${message}`,
};
const rejected: Reason = {
  code: "REJECTED_LOGIN",
  text: (message, where) => `the database ${where} refuses the login: ${message}`,
};
const missingPgmq: Reason = {
  code: "MISSING_PGMQ",
  text: (_, where) => `pgmq is not installed in ${where}: run \`pgtq install\``,
};

/** By the driver's code or the server's SQLSTATE. */
const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: unreachable,
  ECONNRESET: unreachable,
  ENOTFOUND: unreachable,
  EAI_AGAIN: unreachable,
  ETIMEDOUT: unreachable,
  EHOSTUNREACH: unreachable,
  NO_ANSWER: unreachable,
  CONNECT_TIMEOUT: unreachable,
  CONNECTION_CLOSED: unreachable,
  CONNECTION_DESTROYED: unreachable,
  CONNECTION_ENDED: unreachable,
  "3D000": unreachable, // no such database
  "53300": unreachable, // too many connections
  "57P01": unreachable, // terminated by an administrator
  "57P03": unreachable, // starting up or shutting down
  "28000": rejected,
  "28P01": rejected,
  "3F000": missingPgmq, // no schema pgmq
  "42883": missingPgmq, // no such function in it
  "42501": {
    code: "MISSING_RIGHT",
    text: (message, where) =>
      `the role lacks a right in ${where} (${message}): ` +
      "see Rights in the README for roles that have it, or use the owner's",
  },
  "26000": { // a pooler that mixes prepared statements up
    code: "NO_DATABASE",
    text: (message) =>
      `a pooler seems to be in between, which needs \`prepare: false\`: ${message}`,
  },
  "57014": {
    code: "TOO_SLOW",
    text: (message) => `the server has given up on it: ${message}`,
  },
  "42P10": { // nothing that `on conflict` could mean
    code: "MISSING_INDEX",
    text: (_, __, name) => `the queue lacks its index: ${creation(name)}`,
  },
  "42P01": {
    code: "MISSING_QUEUE",
    text: (message) => missingQueue(/"pgmq\.[qa]_(.+)"/.exec(message)?.[1] ?? "of that name"),
  },
};

/** The same failure as a {@linkcode PgtqError} where its cause is known, else as it came. */
export function readable(error: unknown, doing: string, sql: Queryable): unknown {
  if (!(error instanceof Error) || error instanceof PgtqError) return error;
  const code = String((error as { code?: unknown }).code);
  const reason = error.message.includes('"pgmq.meta"') ? missingPgmq : reasons[code];
  if (!reason) return error;
  const [, name = ""] = /"(.+?)"/.exec(doing) ?? [];
  const text = reason.text(error.message || "no answer", address(sql), name);
  return new PgtqError(reason.code, `${doing} as ${text}`, { cause: error });
}

/** Where a pool connects to, without the password. */
export function address(sql: Queryable): string {
  const { options } = sql as Partial<Sql>;
  if (!options) return "of the transaction";
  const { host, port, user, database } = options;
  return `postgres://${user}@${host[0]}:${port[0]}/${database}`;
}

/** The end of a sentence about a queue that is not there; `owner` is the queue to create for it. */
export function missingQueue(name: string, owner = name.replace(/_dlq$/, "")): string {
  return `the queue "${name}" doesn't exist: ${creation(owner)}`;
}

/** The command that creates a queue, or what it lacks. */
export function creation(name: string): string {
  return `run \`pgtq create ${/^\w+$/.test(name) ? name : JSON.stringify(name)}\``;
}
