/**
 * How a command fails: what the user reads, and the exit code.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { BrokenPipe } from "./host.ts";

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** The user ended the command before it was through. */
export class Interrupted extends Error {
  override readonly name: string = "Interrupted";
}

/** Exit code, and one line unless there is nothing to say. */
export interface Failure {
  readonly code: number;
  readonly line?: string;
}

/** Puts whatever a command has thrown into one line. */
export function failureOf(error: unknown): Failure {
  // The shell's own codes: a pipeline whose reader had enough is fine, 130 says Ctrl-C.
  if (error instanceof BrokenPipe) return { code: 0 };
  if (error instanceof Interrupted) return { code: 130, line: error.message || "interrupted" };
  return { code: error instanceof UsageError ? 2 : 1, line: oneLine(messageOf(error)) };
}

/** What must not reach a terminal: colours, line breaks, other control characters. */
// deno-lint-ignore no-control-regex -- those are meant
const control = /(?:\x1b\[[\d;]*m|[\s\0-\x1f\x7f-\x9f])+/g;

/** A text on one line, whatever it was. */
export function oneLine(text: string): string {
  return text.replace(control, " ").trim();
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message || error.name;
  const noDatabase = error instanceof PgtqError && error.code === "NO_DATABASE";
  return noDatabase ? `${message} (name one by --database-url, or try --embedded)` : message;
}
