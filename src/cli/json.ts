/**
 * Reads JSON that was typed or comes from a file.
 *
 * @module
 */

import { messageOf } from "./failures.ts";

const texts = /"(?:[^"\\]|\\.)*"/g;
const longWholeNumbers = /(?<![\d.eE+-])-?\d{16,}(?![\d.eE])/g;

/**
 * Parses JSON, but refuses whole numbers that JavaScript would change without a word.
 *
 * @throws {SyntaxError} if it is not JSON
 * @throws {RangeError} if a number can't be held exactly
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  const numbers = text.replace(texts, "").match(longWholeNumbers) ?? [];
  const changed = numbers.find((number) => BigInt(number) !== BigInt(Number(number)));
  if (changed === undefined) return value;
  throw new RangeError(`${changed} is too large to stay exact: make it a string`);
}

/** The end of a sentence that begins with what {@linkcode parseJson} has refused. */
export function fault(error: unknown): string {
  return `${error instanceof RangeError ? "has a number" : "is not JSON"}: ${messageOf(error)}`;
}
