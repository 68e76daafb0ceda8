/**
 * What fast-check may have done, in any order. What a command is about, a task or a transaction, it
 * names by its place among those that are there when it runs.
 *
 * @module
 */

import * as fc from "fast-check";
import type { Rules } from "../../src/db/flights.ts";
import type { Run } from "./run.ts";
import type { Tally } from "./situations.ts";
import { leaseHours, type Settlement } from "./state.ts";
import { type Operation, settlement } from "./steps.ts";
import { type Seats, workforce } from "./world.ts";

/** A command, with what it counts as. */
type Command = fc.AsyncCommand<Run, Tally>;

interface Doing {
  readonly kind: string;
  readonly shown: string;
  /** Whether there is something that it can be done to. */
  possible?(run: Run): boolean;
  run(run: Run): Promise<void> | void;
}

/** At most this many transactions are open. */
const maxOpen = 2;

const delay = fc.constantFrom(0, 0, 0, 1, 3);
const groups = (maxLength: number) =>
  fc.array(fc.constantFrom("a", "a", "a", "a", "B", "ç", null), { minLength: 1, maxLength });
const nth = fc.nat({ max: 5 });
const worker = fc.nat({ max: workforce - 1 });

const how: fc.Arbitrary<Settlement> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Settlement>({ kind: "complete" }) },
  { weight: 4, arbitrary: fc.constant<Settlement>({ kind: "bury", error: "dead" }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("putBack" as const),
      delay: fc.constantFrom(0, 0, 1, 3),
      error: fc.constantFrom("one", "two", null, null),
    }),
  },
);

/** A thing to do, before it is known to which of the tasks. */
interface Plan {
  readonly kind: string;
  readonly shown: string;
  operation(run: Run): Operation | undefined;
}

const enqueue = (count: number) =>
  fc.tuple(groups(count), delay).map(([groups, delay]): Plan => ({
    kind: "enqueue",
    shown: `enqueue(${groups.map((group) => group ?? "none").join(" ")}${
      delay ? `, due in ${delay} h` : ""
    })`,
    operation: () => ({ kind: "enqueue", groups, delay }),
  }));

const claim = fc.tuple(worker, fc.integer({ min: 1, max: 4 })).map(([worker, limit]): Plan => ({
  kind: "claim",
  shown: `claim(worker ${worker}, ${limit} tasks)`,
  operation: () => ({ kind: "claim", worker, limit }),
}));

const settle = fc.tuple(nth, how).map(([nth, how]): Plan => ({
  kind: settlement(how.kind === "putBack" ? { ...how, delay: 0 } : how),
  shown: `${settlement(how)}(held ${nth})`,
  operation: ({ held }) =>
    held.length > 0 ? { kind: "settle", receipt: at(held, nth), how } : undefined,
}));

const settleStale = fc.tuple(nth, how).map(([nth, how]): Plan => ({
  kind: "settle stale",
  shown: `${settlement(how)}(stale ${nth})`,
  operation: ({ stale }) =>
    stale.length > 0 ? { kind: "settle", receipt: at(stale, nth), how } : undefined,
}));

/** Of one worker all that it ever had in hand, rather of one that holds something. */
const renew = nth.map((nth): Plan => ({
  kind: "renew",
  shown: `renew(all of the worker that holds ${nth})`,
  operation({ held, receipts }) {
    if (receipts.length === 0) return undefined;
    const { worker } = at(held.length > 0 ? held : receipts, nth);
    return { kind: "renew", receipts: receipts.filter((receipt) => receipt.worker === worker) };
  },
}));

const reap = fc.constant<Plan>({
  kind: "reap",
  shown: "reap()",
  operation: () => ({ kind: "reap" }),
});

const redrive = fc.integer({ min: 1, max: 2 }).map((limit): Plan => ({
  kind: "redrive",
  shown: `redrive(${limit})`,
  operation: ({ state }) =>
    state.some(({ place }) => place === "letters") ? { kind: "redrive", limit } : undefined,
}));

const one = fc.oneof(
  { weight: 6, arbitrary: enqueue(4) },
  { weight: 10, arbitrary: claim },
  { weight: 12, arbitrary: settle },
  { weight: 3, arbitrary: settleStale },
  { weight: 4, arbitrary: renew },
  { weight: 1, arbitrary: reap },
  { weight: 8, arbitrary: redrive },
).map((plan): Doing => ({
  kind: plan.kind,
  shown: plan.shown,
  possible: (run) => plan.operation(run) !== undefined,
  run: (run) => run.do(plan.operation(run)!),
}));

const atOnce = fc.array(
  fc.oneof(
    claim,
    claim,
    claim,
    settle,
    settle,
    settle,
    renew,
    reap,
    reap,
    enqueue(2),
    redrive,
    redrive,
  ),
  { minLength: 2, maxLength: 4 },
).map((plans): Doing => ({
  kind: "at once",
  shown: `atOnce(${plans.map(({ shown }) => shown).join(", ")})`,
  possible: (run) => together(run, plans).length > 1,
  run: (run) => run.doAtOnce(together(run, plans)),
}));

/** A worker has one claim at a time. */
function together(run: Run, plans: readonly Plan[]): Operation[] {
  const claiming = new Set<number>();
  return plans.flatMap((plan) => plan.operation(run) ?? []).filter((operation) => {
    if (operation.kind !== "claim") return true;
    const { worker } = operation;
    return !claiming.has(worker) && claiming.add(worker);
  });
}

const begin = fc.oneof(enqueue(2), settle).map((plan): Doing => ({
  kind: "begin",
  shown: `begin(${plan.shown})`,
  possible: (run) => run.open.length < maxOpen && plan.operation(run) !== undefined,
  run: (run) => run.begin(plan.operation(run)!),
}));

const end = fc.tuple(nth, fc.constantFrom("commit", "commit", "commit", "rollback"))
  .map(([nth, how]): Doing => ({
    kind: how,
    shown: `${how}(open ${nth})`,
    possible: ({ open }) => open.length > 0,
    run: (run) => run.end(nth % run.open.length, how),
  }));

/** Rows that a transaction has locked can't be made older: no time passes meanwhile. */
function settling(open: Run["open"]): boolean {
  return open.some(({ locked }) => locked !== undefined);
}

const pass = fc.constantFrom(1, 2, 2, 3).map((hours): Doing => ({
  kind: "pass",
  shown: `pass(${hours} h)`,
  possible: ({ open }) => !settling(open),
  run: (run) => run.pass(hours),
}));

/** All that is in flight is taken back. */
const lapse = fc.constant<Doing>({
  kind: "lapse",
  shown: "lapse()",
  possible: ({ open, held }) => held.length > 0 && !settling(open),
  async run(run) {
    await run.pass(leaseHours);
    await run.do({ kind: "reap" });
  },
});

const crash = worker.map((worker): Doing => ({
  kind: "crash",
  shown: `crash(worker ${worker})`,
  run: (run) => run.crash(worker),
}));

const any = fc.oneof(
  { weight: 40, arbitrary: one },
  { weight: 8, arbitrary: atOnce },
  { weight: 5, arbitrary: begin },
  { weight: 6, arbitrary: end },
  { weight: 6, arbitrary: pass },
  { weight: 2, arbitrary: lapse },
  { weight: 1, arbitrary: crash },
).map(({ kind, shown, possible = () => true, run }): Command => ({
  check: possible,
  async run(model, tally) {
    tally.did(kind);
    await run(model);
  },
  toString: () => shown,
}));

/** What happens in a run. */
export const commands = fc.commands([any], {
  maxCommands: 50,
  size: "max",
  disableReplayLog: true,
});

/** By which rules: what is neither grouped nor limited needs no turns. */
export const rules: fc.Arbitrary<Rules> = fc.oneof(
  fc.record({
    grouped: fc.constant(true),
    lifo: fc.boolean(),
    limit: fc.constantFrom(undefined, undefined, 1, 2, 3, 3),
  }),
  fc.record({ grouped: fc.constant(true), lifo: fc.boolean(), limit: fc.constant(undefined) }),
  fc.record({
    grouped: fc.constant(false),
    lifo: fc.boolean(),
    limit: fc.constantFrom(1, 2, 3, 3),
  }),
);

/** How many tasks each worker runs at once, where it says so. */
const seat = fc.constantFrom(undefined, undefined, 1, 1, 1, 2, 2, 3);
export const seats: fc.Arbitrary<Seats> = fc.tuple(...Array<typeof seat>(workforce).fill(seat));

function at<Item>(items: readonly Item[], nth: number): Item {
  return items[nth % items.length]!;
}
