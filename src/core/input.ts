/**
 * Checks tasks against a schema of any library that speaks Standard Schema.
 *
 * @module
 */

import type { StandardSchemaV1 } from "@standard-schema/spec";
import { shown } from "./duration.ts";

export type { StandardSchemaV1 } from "@standard-schema/spec";

/** A checked value, or one line that says what is wrong with it. */
export type Checked = { readonly value: unknown } | { readonly problem: string };

/** Checks a value; without a schema everything is fine. */
export async function check(
  schema: StandardSchemaV1 | undefined,
  value: unknown,
): Promise<Checked> {
  if (!schema) return { value };
  let result = schema["~standard"].validate(value);
  if (result instanceof Promise) result = await result;
  if (!result.issues) return { value: result.value };
  return { problem: result.issues.map(line).join("; ") };
}

/** valibot's issues carry what was expected and received, which reads better than its sentence. */
interface DetailedIssue extends StandardSchemaV1.Issue {
  readonly expected?: unknown;
  readonly received?: unknown;
}

function line(issue: DetailedIssue): string {
  const keys = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  const text = problemOf(issue, keys.at(-1));
  return keys.length > 0 ? `${keys.join(".")}: ${text}` : text;
}

function problemOf(
  { expected, received, message }: DetailedIssue,
  key: string | undefined,
): string {
  if (typeof expected !== "string" || typeof received !== "string") return message;
  // Of a field that isn't there, valibot says that it expected the field's name.
  if (received === "undefined" && expected === JSON.stringify(key)) return "is missing";
  return `expected ${expected}, received ${received}`;
}

/** JSON that `jsonb` refuses: these escapes, unless their backslash is itself escaped. */
const unstorable = /(?<!\\)(?:\\\\)*\\u(0000|d[89a-f]..)/;

/** A task as the JSON text that travels, or what keeps it from travelling. */
export function toJson(task: unknown): { readonly text: string } | { readonly problem: string } {
  try {
    const text = JSON.stringify(task);
    if (text === undefined) return { problem: `expected JSON, received ${shown(task)}` };
    const [, escaped] = unstorable.exec(text) ?? [];
    if (escaped === undefined) return { text };
    const what = escaped === "0000" ? "a NUL character" : "half a surrogate pair";
    return { problem: `expected text that Postgres can store, received ${what}` };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}

/**
 * Reads JSON that the database hands over as text. Columns are asked for in that form because a
 * pool of the user's may change what the driver makes of JSON, such as the case of its keys.
 */
export function fromJson(text: string | null): unknown {
  return text === null ? null : JSON.parse(text);
}
