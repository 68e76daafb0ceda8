/**
 * What a task looks like on its way: headers, deliveries, and what can be read from them.
 *
 * @module
 */

import { PgtqError } from "./errors.ts";

/** Where a task is: waiting, not due yet, in a worker's hands, dead-lettered, or in the archive. */
export type TaskState = "queued" | "delayed" | "processing" | "dead" | "archived";

/** The headers of a task. Any producer may have written them: nothing in them can be relied on. */
export type Headers = Readonly<Record<string, unknown>>;

/** The names of the headers that mean something to us. */
export const header = {
  /** The group; pgmq's own header. */
  group: "x-pgmq-group",
  /** `queued`, `processing`, `completed` or `failed`; always right in the archive. */
  status: "x-pgtq-status",
  /** One text per failed attempt, oldest first. */
  errors: "x-pgtq-errors",
  /** On an archived task: id of the dead letter made from it. */
  deadLetter: "x-pgtq-dlq",
  /** On a redriven task: id of the failed task. */
  original: "x-pgtq-original",
  /** On an archived dead letter: id of the task it was redriven as. */
  redrivenAs: "x-pgtq-retry",
  /** On a redriven task: id of the dead letter it was made from. */
  redrivenFrom: "x-pgtq-redriven-from",
  /** On a redriven task: id of the first task of the chain, which never changes. */
  root: "x-pgtq-root",
  /** The `read_ct` of the last delivery that put the task back (retry, snooze, release). */
  settled: "x-pgtq-settled",
  /** The key: no other task in the queue has it. */
  key: "x-pgtq-key",
  /** On a dead letter: the key that a redriven task is going to have; the letter itself has none. */
  keptKey: "x-pgtq-kept-key",
  /** On a task in flight: the order and the limit that the worker holding it keeps to. */
  rules: "x-pgtq-rules",
  /** How many deliveries put the task back without a failed attempt (snooze, release). */
  releases: "x-pgtq-releases",
  /** The `read_ct` of our last claim of a task that had been read before without a result. */
  claimed: "x-pgtq-claimed",
  /** How many such claims ended without a result. */
  crashes: "x-pgtq-crashes",
} as const;

/** Headers that tell of one task's life and don't go on to the task it is redriven as. */
export const passingHeaders: readonly string[] = [
  header.status,
  header.errors,
  header.deadLetter,
  header.original,
  header.redrivenAs,
  header.redrivenFrom,
  header.settled,
  header.releases,
  header.claimed,
  header.crashes,
  header.rules,
];

/** The proof of holding a task: every delivery raises `deliveries`, so an older one is void. */
export interface Receipt {
  readonly id: number;
  readonly deliveries: number;
}

/** A claimed task as the database hands it over. */
export interface Delivery extends Receipt {
  readonly enqueuedAt: Date;
  readonly message: unknown;
  readonly headers: Headers;
}

/** A task id from the driver, which hands `bigint` columns over as text. */
export function taskId(value: unknown): number {
  const id = Number(value);
  if (Number.isSafeInteger(id)) return id;
  throw new PgtqError("INVALID_TASK", `Cannot use task id ${value} as it is beyond 2^53`);
}

/** The headers, where anything but an object counts as none. */
export function headersOf(value: unknown): Headers {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Headers
    : {};
}

/** The texts of the failed attempts so far, oldest first. */
export function errorsOf(headers: Headers): string[] {
  const errors = headers[header.errors];
  return Array.isArray(errors) ? errors.map(String) : [];
}

/** The number of the attempt that a delivery starts: 1, and one more for each failed attempt. */
export function attemptOf(delivery: Delivery): number {
  return errorsOf(delivery.headers).length + 1;
}

/** How many earlier deliveries to us ended without a word; nobody knows whose the first one was. */
export function crashesOf({ headers }: Delivery): number {
  const crashes = String(headers[header.crashes]);
  return /^[1-9]\d{0,8}$/.test(crashes) ? Number(crashes) + 1 : 0;
}

/** An id, as text; our statements read it by the same pattern. */
export const idPattern = "^[1-9][0-9]{0,17}$";

const isId = new RegExp(idPattern);

/**
 * The id that stays the same through retries and redrives, for idempotency keys. On a task that the
 * Python package has redriven only that of the failed task is known.
 */
export function stableId({ id, headers }: Delivery): string {
  return idText(headers[header.root]) ?? idText(headers[header.original]) ?? String(id);
}

function idText(value: unknown): string | undefined {
  const text = typeof value === "string" || typeof value === "number" ? String(value) : "";
  return isId.test(text) ? text : undefined;
}

/** The group of a task, if it has one. */
export function groupOf(headers: Headers): string | undefined {
  const group = headers[header.group];
  return typeof group === "string" ? group : undefined;
}
