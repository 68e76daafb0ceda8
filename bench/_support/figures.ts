/**
 * The figures that tables show: what a column is called, and how numbers read in it.
 *
 * @module
 */

import type { Spread } from "./rounds.ts";

/** How a figure is shown. */
interface Unit {
  readonly label: string;
  readonly digits: number;
}

const units: Readonly<Record<string, Unit>> = {
  rate: { label: "tasks/s", digits: 0 },
  clientMicros: { label: "client CPU, µs/task", digits: 1 },
  serverMicros: { label: "Postgres CPU, µs/task", digits: 1 },
  walBytes: { label: "WAL, bytes/task", digits: 0 },
  p50: { label: "p50, ms", digits: 2 },
  p95: { label: "p95, ms", digits: 2 },
  p99: { label: "p99, ms", digits: 2 },
  rssSecond: { label: "RSS in the 2nd quarter, MB", digits: 0 },
  rssLast: { label: "RSS in the last quarter, MB", digits: 0 },
  rssGrowth: { label: "last / 2nd quarter", digits: 2 },
  rssMax: { label: "RSS at most, MB", digits: 0 },
  statements: { label: "statements/s", digits: 2 },
  cpu: { label: "client CPU, %", digits: 2 },
  start: { label: "to the first task done, ms", digits: 0 },
};

/** The heading of a figure's column: one that is not known here is called by its own name. */
export function labelOf(figure: string): string {
  return units[figure]?.label ?? figure;
}

/** A figure's spread, such as `12,300 (11,900–12,800)`. */
export function shown(figure: string, spread: Spread | undefined): string {
  if (spread === undefined) return "";
  return shownWith(units[figure]?.digits ?? 2, spread);
}

/** A ratio's spread, such as `2.61 (2.55–2.70)`. */
export function shownRatio(spread: Spread): string {
  return shownWith(2, spread);
}

function shownWith(digits: number, { median, min, max }: Spread): string {
  const text = (value: number) =>
    value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
