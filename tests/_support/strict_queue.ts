/**
 * A queue to claim from strictly, statement by statement, with all that befalls it in tests.
 *
 * @module
 */

import type { Delivery } from "../../src/core/task.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import type { Rules } from "../../src/db/flights.ts";
import { complete } from "../../src/db/settle.ts";
import { claimStrictly, type StrictClaim, type StrictClaimOptions } from "../../src/db/strict.ts";
import { Turns } from "../../src/db/turns.ts";
import type { Backend, Made, Row } from "./backend.ts";

/** Everything about a claim may be left out. */
export interface Claiming extends Partial<Omit<StrictClaimOptions, "lifo">> {
  readonly turns?: Turns;
}

/** What is known of one queue. */
export interface StrictQueue extends AsyncDisposable {
  readonly made: Made;
  /** Puts in a task of each of these groups, `undefined` for none; returns their ids. */
  send(...groups: (string | undefined)[]): Promise<number[]>;
  /** Claims up to 100 tasks by no rules, unless told otherwise. */
  claim(claiming?: Claiming): Promise<StrictClaim>;
  /** The same; returns the ids, in order of their size where the groups' is left to chance. */
  take(claiming?: Claiming): Promise<number[]>;
  /** Goes on claiming as long as there may be more, but not for ever; returns the ids per claim. */
  sweep(claiming?: Claiming): Promise<number[][]>;
  complete(deliveries: readonly Delivery[]): Promise<Set<number>>;
  /** Updates rows behind the library's back, as in `change("vt = now() where msg_id = 1")`. */
  change(text: string): Promise<unknown>;
  rows(): Promise<Row[]>;
}

const none: Rules = { grouped: false, lifo: false, limit: undefined };

/** Rules, to be spread: of groups, the other way round, and of a number. */
export const grouped = { rules: { ...none, grouped: true } };
export const groupedLifo = { rules: { ...grouped.rules, lifo: true } };
export const lifo = { rules: { ...none, lifo: true } };
export const limited = (limit: number) => ({ rules: { ...none, limit } });

/** A round that goes on behind this group. */
export function after(place: string) {
  return { round: { place, end: place } };
}

/** More claims in a row than any test needs. */
const endless = 30;

/** Makes a new queue. */
export async function strictQueue(backend: Backend): Promise<StrictQueue> {
  const made = await backend.make();
  const own = new Turns(backend.sql);
  const { tables } = made.site;
  const claim = (claiming: Claiming = {}) => {
    const { turns = own, ...options } = claiming;
    const defaults = { limit: 100, leaseMs: 30_000, rules: none };
    return claimStrictly(made.site, turns, { ...defaults, ...options });
  };
  return {
    made,
    send(...groups) {
      const tasks = groups.map((group) => ({
        message: "{}",
        headers: group === undefined ? null : JSON.stringify({ "x-pgmq-group": group }),
      }));
      return enqueue(backend.sql, tables, tasks, { delayMs: 0, at: null });
    },
    claim,
    async take(claiming = {}) {
      const ids = (await claim(claiming)).deliveries.map(({ id }) => id);
      return claiming.rules?.grouped && !claiming.round ? ids.sort((a, b) => a - b) : ids;
    },
    async sweep(claiming = {}) {
      const found: number[][] = [];
      for (let round = claiming.round, more = true; more;) {
        const claimed = await claim({ ...claiming, round });
        if (found.push(claimed.deliveries.map(({ id }) => id)) > endless) throw new Error("no end");
        round = claimed.round;
        more = claimed.more || claimed.unfinished;
      }
      return found;
    },
    complete: (deliveries) => complete(made.site, deliveries, true),
    change: (text) => backend.sql.unsafe(`update ${tables.queue} set ${text}`),
    rows: () => backend.rows(tables.queue),
    [Symbol.asyncDispose]: () => own[Symbol.asyncDispose](),
  };
}
