/**
 * Text for people and for programs.
 *
 * @module
 */

import { oneLine } from "./failures.ts";
import type { Writer } from "./host.ts";

/** What a table shows in one place. */
export type Cell = string | number | Date | null | undefined;

/** Lays rows out in columns: numbers to the right, the last column cut at the terminal's edge. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  { isTTY, columns }: Writer,
): string {
  const texts = rows.map((row) => row.map(show));
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...texts.map((row) => row[i]?.length ?? 0))
  );
  const right = headings.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  const line = (cells: readonly string[]) => {
    const padded = cells.map((cell, i) =>
      right[i] ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)
    );
    const text = padded.join("  ").trimEnd();
    return isTTY ? cut(text, columns) : text;
  };
  return [headings, ...texts].map(line).join("\n") + "\n";
}

/** Cuts a text that is too long for a place. */
export function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, Math.max(0, length - 1))}…` : text;
}

/** Values as lines of JSON. */
export function jsonLines(values: readonly unknown[]): string {
  return values.map((value) => `${JSON.stringify(value)}\n`).join("");
}

/** A number with its noun: `1 task`, `2,000 tasks`. */
export function counted(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** A number with a comma at every thousand. */
export function number(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 1 });
}

/** Seconds in the unit that suits them. */
export function age(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)}ms`;
  if (seconds < 120) return `${Math.round(seconds)}s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)}h` : `${Math.round(seconds / 86_400)}d`;
}

function show(cell: Cell): string {
  if (cell === null || cell === undefined) return "-";
  if (typeof cell === "number") return number(cell);
  if (cell instanceof Date) return cell.toISOString().replace("T", " ").slice(0, 19);
  return oneLine(cell);
}
