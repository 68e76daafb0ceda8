/**
 * Who holds what is in flight, by the model: of a worker's tasks no more than it has seats count.
 *
 * @module
 */

import type { Receipt } from "../../src/core/task.ts";
import type { Crew, Rules } from "../../src/db/flights.ts";
import { flies, holds, type Row, type State, Violation } from "./state.ts";

/** A receipt, whose it is, and as which crew that worker has claimed it. */
export interface Held extends Receipt {
  readonly worker: number;
  readonly crew: Crew | undefined;
}

/** How many tasks a claim may take. */
export interface Room {
  readonly limit: number;
  readonly rules: Rules;
  readonly crew: Crew | undefined;
}

/** How many tasks in flight count, of all workers or of these. */
export function counted(state: State, whose: (row: Row) => boolean = () => true): number {
  const flying = state.filter(flies).filter(whose);
  const names = new Set(flying.map(({ worker }) => worker));
  return [...names].reduce((sum, name) => {
    const held = flying.filter(({ worker }) => worker === name);
    return sum + Math.min(held.length, name === null ? Infinity : held[0]!.seats!);
  }, 0);
}

/** How many tasks one crew has in flight, or all those who don't say who they are. */
export function heldBy(state: State, crew: Crew | undefined): number {
  return state.filter(flies).filter(({ worker }) => worker === (crew?.worker ?? null)).length;
}

/** How much of the limit the others leave. */
export function free(state: State, { rules, crew }: Room): number {
  const others = counted(state, ({ worker }) => worker !== (crew?.worker ?? null));
  return (rules.limit ?? Infinity) - others;
}

/** Whether a claim may take tasks ahead of time, as all seats of its crew have room. */
export function mayGoAhead(state: State, asked: Room): boolean {
  return asked.crew !== undefined && asked.crew.seats <= free(state, asked);
}

/** How many tasks may be claimed besides those in flight. */
export function room(state: State, asked: Room): number {
  if (mayGoAhead(state, asked)) return asked.limit;
  return Math.max(0, Math.min(asked.limit, free(state, asked) - heldBy(state, asked.crew)));
}

/** A worker runs of what it holds as much as it has seats for: that is what the tables count. */
export function runsAsCounted(state: State, receipts: readonly Held[], { limit }: Rules): void {
  const held = receipts.filter((receipt) => holds(state, receipt));
  const names = new Set(held.map(({ crew }) => crew?.worker));
  const running = [...names].reduce((sum, name) => {
    const mine = held.filter(({ crew }) => crew?.worker === name);
    return sum + Math.min(mine.length, mine[0]!.crew?.seats ?? Infinity);
  }, 0);
  if (running !== counted(state)) {
    throw new Violation(`${running} tasks run, but ${counted(state)} count`);
  }
  if (running > (limit ?? Infinity)) throw new Violation(`${running} tasks run, not ${limit}`);
}
