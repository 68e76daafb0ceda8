/**
 * What a bench found: judged, and kept as JSON in `bench/results/`.
 *
 * @module
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { labelOf } from "./figures.ts";
import { ratioOf, type Rounds, type Spread, spreadOf } from "./rounds.ts";

/** What to hold a contender against: another one in the same round, or a number. */
export interface Comparison {
  readonly figure: string;
  readonly of: string;
  /** Another contender; without one the figure itself is judged. */
  readonly to?: string;
  /** The target; a comparison without one is only shown. */
  readonly atLeast?: number;
  readonly atMost?: number;
}

/** A contender's figures over all rounds. */
export interface Row {
  readonly contender: string;
  readonly figures: Readonly<Record<string, Spread>>;
}

/** One contender over another, round by round. */
export interface Ratio extends Spread {
  readonly figure: string;
  readonly of: string;
  readonly to: string;
}

/** A target, by the median. */
export interface Target {
  readonly target: string;
  readonly value: number;
  readonly met: boolean;
}

/** What a bench found, and where. */
export interface Result {
  readonly name: string;
  readonly claim: string;
  readonly date: string;
  readonly runtime: string;
  readonly postgres: string;
  readonly cpu: { readonly count: number; readonly model: string };
  readonly settings: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
  readonly ratios: readonly Ratio[];
  readonly targets: readonly Target[];
}

/** Turns rounds into rows, ratios and targets. */
export function judge(
  rounds: Rounds,
  figures: readonly string[],
  comparisons: readonly Comparison[],
): Pick<Result, "rows" | "ratios" | "targets"> {
  const rows = [...rounds].map(([contender, measured]) => {
    const spreads = figures.map((figure) => [figure, spreadOf(measured, figure)] as const);
    return {
      contender,
      figures: Object.fromEntries(spreads.filter(([, spread]) => spread)) as Row["figures"],
    };
  });
  const ratios = comparisons.flatMap(({ figure, of, to }) =>
    to === undefined ? [] : [{ figure, of, to, ...ratioOf(rounds, figure, of, to) }]
  );
  return { rows, ratios, targets: comparisons.flatMap((comparison) => judged(rounds, comparison)) };
}

function judged(rounds: Rounds, { figure, of, to, atLeast, atMost }: Comparison): Target[] {
  if (atLeast === undefined && atMost === undefined) return [];
  const { median: value } = to === undefined
    ? spreadOf(rounds.get(of)!, figure)!
    : ratioOf(rounds, figure, of, to);
  const bound = atLeast === undefined ? `≤ ${atMost}` : `≥ ${atLeast.toLocaleString("en-US")}`;
  return [{
    target: `${of}: ${labelOf(figure)} ${bound}${to === undefined ? "" : ` × ${to}`}`,
    value,
    met: value >= (atLeast ?? -Infinity) && value <= (atMost ?? Infinity),
  }];
}

const folder = new URL("../results/", import.meta.url);

/** Keeps a result; that of a run with smaller counts goes beside the real one. */
export function save(result: Result, trial: boolean): void {
  mkdirSync(folder, { recursive: true });
  const runtime = result.runtime.split(" ")[0];
  const file = new URL(`${result.name}-${runtime}${trial ? ".trial" : ""}.json`, folder);
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

/** All results kept, those of trials left out, by name and runtime. */
export function saved(): Result[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((file) => /^[^.]+\.json$/.test(file)).toSorted();
  return files.map((file) => JSON.parse(readFileSync(new URL(file, folder), "utf8")) as Result);
}
