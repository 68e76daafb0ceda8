/**
 * Which situation a claim of a crew meets, where several workers share a limit.
 *
 * @module
 */

import { eligible } from "./claims.ts";
import { counted, free, heldBy, mayGoAhead, type Room, room } from "./crews.ts";
import type { Tally } from "./situations.ts";
import { expired, flies, type Row, type State } from "./state.ts";

/** Notes what a claim meets. */
export function crowds(tally: Tally, state: State, asked: Room): void {
  const { crew, rules } = asked;
  const may = eligible(state, rules).length;
  const others = state.filter(flies).filter(({ worker }) => worker !== (crew?.worker ?? null));
  const late = others.filter((row) => row.worker !== null && expired(row));
  tally.note("a crew that is ahead lets its leases run out", beyond(state, late));
  if (may === 0) return;
  const sunk = others.some(({ worker, seats }) =>
    worker !== null && seats! > others.filter((row) => row.worker === worker).length
  );
  tally.note("a claim gets what a crew leaves of its seats", sunk && room(state, asked) > 0);
  if (crew === undefined) return beside(tally, state, asked, others);
  if (mayGoAhead(state, asked)) return ahead(tally, state, { ...asked, crew }, others, may);
  waits(tally, state, asked, others);
}

type Crewed = Room & { readonly crew: NonNullable<Room["crew"]> };

function ahead(
  tally: Tally,
  state: State,
  { crew, limit }: Crewed,
  others: readonly Row[],
  may: number,
): void {
  const held = heldBy(state, crew);
  const far = Math.min(limit, may) + held > crew.seats;
  tally.note("a crew goes ahead", far);
  tally.note("a crew goes further ahead", held > crew.seats);
  tally.note("a crew goes ahead beside another that is ahead", far && beyond(state, others));
  const nobodys = others.some(({ worker }) => worker === null);
  tally.note("a crew goes ahead beside one that doesn't say who it is", far && nobodys);
}

function waits(tally: Tally, state: State, asked: Room, others: readonly Row[]): void {
  const [held, left] = [heldBy(state, asked.crew), free(state, asked)];
  tally.note("a crew waits for one that is ahead", left === 0 && beyond(state, others));
  tally.note("a crew waits as its tasks fill what others leave", held > 0 && held === left);
  tally.note("a crew gets fewer than its seats, as others leave no more", left > held);
}

function beside(tally: Tally, state: State, asked: Room, others: readonly Row[]): void {
  const left = free(state, asked) > heldBy(state, undefined);
  tally.note("one that doesn't say who it is gets what a crew leaves", left && others.length > 0);
  const waits = !left && beyond(state, others);
  tally.note("one that doesn't say who it is waits for a crew that is ahead", waits);
}

/** Whether there are more of them than count. */
function beyond(state: State, others: readonly Row[]): boolean {
  return others.length > counted(state, (row) => others.includes(row));
}
