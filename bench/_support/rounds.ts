/**
 * Alternating rounds, and what they come to.
 *
 * Machines have good and bad minutes. So every contender runs once in each round, in an order that
 * rotates, and contenders are compared within rounds only.
 *
 * @module
 */

import type { Figures } from "./contender.ts";

/** What takes part. */
export interface Contender {
  readonly name: string;
  /** Runs once and says what was measured. */
  round(): Promise<Figures>;
}

/** The figures of each contender, one entry per round. */
export type Rounds = ReadonlyMap<string, readonly Figures[]>;

/** Middle, smallest and largest of several values. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Runs all contenders `rounds` times. */
export async function alternate(
  contenders: readonly Contender[],
  rounds: number,
  tell: (round: number, name: string, figures: Figures) => void,
): Promise<Rounds> {
  const all = new Map<string, Figures[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      const figures = await contender.round();
      all.get(contender.name)!.push(figures);
      tell(round + 1, contender.name, figures);
    }
  }
  return all;
}

/** The spread of a figure; `undefined` if the contender doesn't have it. */
export function spreadOf(rounds: readonly Figures[], figure: string): Spread | undefined {
  const values = rounds.map((figures) => figures[figure]).filter((value) => value !== undefined);
  return values.length === 0 ? undefined : spread(values);
}

/** The spread of a figure of one contender, divided by that of another in the same round. */
export function ratioOf(rounds: Rounds, figure: string, of: string, to: string): Spread {
  const others = rounds.get(to)!;
  return spread(rounds.get(of)!.map((own, n) => own[figure]! / others[n]![figure]!));
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2,
    min: sorted[0]!,
    max: sorted.at(-1)!,
  };
}
