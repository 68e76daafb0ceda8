/**
 * The one error class of the library, and the reasons a handler can throw to steer its task.
 *
 * @module
 */

/** What went wrong, for code that has to decide what to do about it. */
export type ErrorCode =
  | "BROKEN_PGMQ"
  | "EMBEDDED_POSTGRES"
  | "INVALID_MODULE"
  | "INVALID_NAME"
  | "INVALID_TASK"
  | "KEY_TAKEN"
  | "LEASE_LOST"
  | "MISSING_INDEX"
  | "MISSING_PGMQ"
  | "MISSING_QUEUE"
  | "MISSING_RIGHT"
  | "NO_DATABASE"
  | "OLD_PGMQ"
  | "REJECTED_LOGIN"
  | "RULES_DIFFER"
  | "TOO_SLOW"
  | "WORKER_STATE";

/**
 * Everything this library throws on purpose, but for a wrong option, which is a `TypeError`.
 *
 * The message is one readable line that says what can't be done and why; `cause` holds the error
 * underneath, if there is one.
 *
 * @example Tell a missing queue from other failures
 * ```ts
 * import { PgtqError } from "@pgtq/pgtq";
 *
 * function isMissing(error: unknown): boolean {
 *   return error instanceof PgtqError && error.code === "MISSING_QUEUE";
 * }
 * console.assert(!isMissing(new Error("something else")));
 * ```
 */
export class PgtqError extends Error {
  /** The stable name of what went wrong. */
  readonly code: ErrorCode;

  /** Creates an error with a stable code, a readable line and, optionally, its cause. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "PgtqError";
    this.code = code;
  }
}
