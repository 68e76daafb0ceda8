/**
 * What a claim may hand out, by the model.
 *
 * @module
 */

import { attemptOf, crashesOf, type Delivery } from "../../src/core/task.ts";
import type { Rules } from "../../src/db/flights.ts";
import type { Round } from "../../src/db/round.ts";
import type { StrictClaim } from "../../src/db/strict.ts";
import { counted, type Room, room } from "./crews.ts";
import { claimed, expired, flies, groupName, queued, type Row, type State } from "./state.ts";
import { Violation } from "./state.ts";

/** What was asked for. */
export interface Asked extends Room {
  readonly round: Round | undefined;
}

/** The next task of each group: it runs next, whatever is in flight. */
export function heads(state: State, { lifo }: Rules): Map<string, Row> {
  const heads = new Map<string, Row>();
  for (const row of queued(state)) {
    const head = heads.get(groupName(row));
    if (!head || (lifo ? row.id > head.id : row.id < head.id)) heads.set(groupName(row), row);
  }
  return heads;
}

/** The tasks that may run now, if there is room. */
export function eligible(state: State, rules: Rules): readonly Row[] {
  if (!rules.grouped) return queued(state).filter((row) => row.due <= 0 && !flies(row));
  const busy = new Set(state.filter(flies).map(groupName));
  const next = [...heads(state, rules)].filter(([group]) => !busy.has(group));
  return next.map(([, head]) => head).filter(({ due }) => due <= 0);
}

const none: ReadonlySet<number> = new Set();

/**
 * The state after a claim. Throws unless the claim was right in this one. Rows that others lock at
 * the same time may be passed over, also by those who find then that they have nothing to do.
 */
export function afterClaim(
  state: State,
  asked: Asked,
  claim: StrictClaim,
  touched: ReadonlySet<number> = none,
): State {
  const may = eligible(state, asked.rules);
  const taken = claim.deliveries.map((delivery) => {
    const row = may.find((row) => row.id === delivery.id);
    if (!row) throw new Violation(`claimed ${delivery.id}, but only [${ids(may)}] may run`);
    delivered(row, delivery);
    return row;
  });
  if (new Set(taken).size < taken.length) throw new Violation(`claimed twice: [${ids(taken)}]`);
  const sure = may.filter((row) => taken.includes(row) || !touched.has(row.id));
  const count = Math.min(room(state, asked), sure.length);
  if (taken.length !== count) {
    throw new Violation(`claimed [${ids(taken)}] where ${count} of [${ids(sure)}] were to be had`);
  }
  if (asked.rules.grouped) inTurn(taken, sure, asked);
  const passed = may.some(({ id }) => touched.has(id));
  truthful(state, asked, passed ? { ...claim, unfinished: false } : claim);
  const left = state.filter((row) => !taken.includes(row));
  return [...left, ...taken.map((row) => claimed(row, asked.crew))];
}

/** What a delivery says of those before. Nobody knows whose the first one was, if it crashed. */
function delivered({ id, ...row }: Row, delivery: Delivery): void {
  const [deliveries, errors] = [row.deliveries + 1, row.errors.length];
  const crashes = row.deliveries - errors - row.releases;
  const found = [delivery.deliveries, attemptOf(delivery), crashesOf(delivery)];
  const expected = [deliveries, errors + 1, found[2] === 0 && crashes === 1 ? 0 : crashes];
  if (`${found}` === `${expected}`) return;
  throw new Violation(`task ${id}: delivery, attempt, crashes are ${found} instead of ${expected}`);
}

/** One group after the other, from the round's place on; without a round from anywhere. */
function inTurn(taken: readonly Row[], may: readonly Row[], { round, rules }: Asked): void {
  const sorted = may.toSorted((a, b) => groupName(a) < groupName(b) !== rules.lifo ? -1 : 1);
  const passed = ({ place }: Round) =>
    sorted.filter((row) => rules.lifo ? groupName(row) >= place : groupName(row) <= place).length;
  const starts = round ? [passed(round)] : sorted.map((_, index) => index);
  const orders = starts.map((start) => ids([...sorted.slice(start), ...sorted.slice(0, start)]));
  if (taken.length === 0 || orders.some((order) => `${order},`.startsWith(`${ids(taken)},`))) {
    return;
  }
  throw new Violation(`claimed [${ids(taken)}], but the order is [${orders.join("] or [")}]`);
}

/** What a claim says besides. */
function truthful(state: State, { limit, rules }: Asked, claim: StrictClaim): void {
  const full = claim.deliveries.length >= limit;
  const next = Math.min(...queued(state).map(({ due }) => due).filter((due) => due > 0));
  const expected = {
    more: full,
    unfinished: false, // a round goes past many more groups than there are here
    expired: !full && state.some(expired),
    inFlight: rules.limit === undefined ? 0 : counted(state),
    next: full || next === Infinity ? undefined : next,
  };
  const { more, unfinished, expired: reapable, inFlight, nextDueMs } = claim;
  const hours = nextDueMs === undefined ? undefined : Math.round(nextDueMs / 3_600_000);
  const found: typeof expected = { more, unfinished, expired: reapable, inFlight, next: hours };
  for (const name of ["more", "unfinished", "expired", "inFlight", "next"] as const) {
    if (found[name] === expected[name]) continue;
    throw new Violation(`the claim says ${name}: ${found[name]}, it is ${expected[name]}`);
  }
}

/** Without groups and with nothing else going on: by the time of becoming due. */
export function inDueOrder(state: State, asked: Asked, claim: StrictClaim, vt: Times): void {
  const sign = asked.rules.lifo ? -1 : 1;
  const times = eligible(state, asked.rules).map(({ id }) => vt.get(id)!);
  const due = times.toSorted((a, b) => sign * (a - b)).slice(0, claim.deliveries.length);
  const found = claim.deliveries.map(({ id }) => vt.get(id)!);
  if (`${found}` === `${due}`) return;
  throw new Violation(`claimed [${ids(claim.deliveries)}], which is not by the time due`);
}

/** The exact times at which tasks become due. */
export type Times = ReadonlyMap<number, number>;

/** What holds in every state, whatever has led to it. */
export function sound(state: State, rules: Rules): void {
  const flying = state.filter(flies);
  if (counted(state) > (rules.limit ?? Infinity)) {
    throw new Violation(`in flight beyond the limit of ${rules.limit}: [${ids(flying)}]`);
  }
  const groups = new Set(flying.map(groupName));
  if (rules.grouped && groups.size < flying.length) {
    throw new Violation(`two tasks of a group in flight: [${ids(flying)}]`);
  }
  const tasks = state.filter(({ place }) => place === "queue" || place === "archive");
  const letters = state.filter(({ place }) => place === "letters" || place === "redriven");
  for (const rows of [tasks, letters]) {
    const double = rows.filter(({ id }, index) => rows.findIndex((row) => row.id === id) < index);
    if (double.length > 0) throw new Violation(`in two places: [${ids(double)}]`);
  }
}

/**
 * How long groups wait for a worker: between two of its claims from one group, each other one that
 * could run all the time has had its turn.
 */
export class Fairness {
  readonly #passed = new Map<string, Set<string>>();

  /** Looks away: at a claim that something else went on beside. */
  forget(): void {
    this.#passed.clear();
  }

  /** Looks at the worker's next claim. */
  claim(may: readonly Row[], taken: ReadonlySet<number>): void {
    const [served, left] = [true, false].map((has) =>
      may.filter(({ id }) => taken.has(id) === has).map(groupName)
    );
    for (const group of this.#passed.keys()) {
      if (!left!.includes(group)) this.#passed.delete(group);
    }
    for (const group of left!) {
      const before = this.#passed.get(group) ?? new Set();
      const again = served!.find((other) => before.has(other));
      if (again) throw new Violation(`group ${again} had two turns while ${group} had none`);
      this.#passed.set(group, new Set([...before, ...served!]));
    }
  }
}

function ids(rows: readonly { readonly id: number }[]): string {
  return rows.map(({ id }) => id).join(",");
}
