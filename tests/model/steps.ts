/**
 * What workers and producers do: each operation is done for real, and says what the model's state
 * is after it, given the one before.
 *
 * @module
 */

import type { Receipt } from "../../src/core/task.ts";
import { bury } from "../../src/db/dead.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { type Crew, reap } from "../../src/db/flights.ts";
import { redrive } from "../../src/db/redrive.ts";
import { complete, extend, putBack } from "../../src/db/settle.ts";
import { claimStrictly } from "../../src/db/strict.ts";
import { afterClaim, inDueOrder, type Times } from "./claims.ts";
import * as model from "./state.ts";
import { holds, leaseHours, type Settlement, type State, Violation } from "./state.ts";
import { timeoutMs, type World } from "./world.ts";

/** Where it is done: in the world, or in a transaction. */
export type Where = Pick<World, "site" | "letters" | "rules" | "workers">;

/** Something to do. */
export type Operation =
  | {
    readonly kind: "enqueue";
    readonly groups: readonly (string | null)[];
    readonly delay: number;
  }
  | { readonly kind: "claim"; readonly worker: number; readonly limit: number }
  | { readonly kind: "settle"; readonly receipt: Receipt; readonly how: Settlement }
  | { readonly kind: "renew"; readonly receipts: readonly Receipt[] }
  | { readonly kind: "reap" }
  | { readonly kind: "redrive"; readonly limit: number };

/** Something done. */
export interface Step {
  /** In words, with what came of it. */
  readonly did: string;
  /** What was claimed, and by whom. */
  readonly claimed?: {
    readonly worker: number;
    readonly crew: Crew | undefined;
    readonly receipts: readonly Receipt[];
  };
  /**
   * The states that may be after it. What the model can't foresee, the id of a dead letter, is taken
   * from what was seen. Throws a {@linkcode Violation} if it can't have been like this.
   */
  after(before: State, seen: State): State[];
}

/** What else goes on meanwhile. */
export interface Circumstances {
  /** The exact times of tasks, if they are known. */
  readonly times?: Times;
  /** Tasks that a transaction is settling; `undefined` if others do things right now. */
  readonly locked: ReadonlySet<number> | undefined;
  /** Tasks that others settle or renew right now, or take back. */
  readonly touched?: ReadonlySet<number>;
}

const leaseMs = leaseHours * 3_600_000;
const quiet = { wake: false };

/** Does it. A claim that sees expired leases goes on to reap, as `engine/claimer.ts` does. */
export async function perform(
  world: Where,
  operation: Operation,
  circumstances: Circumstances,
): Promise<Step[]> {
  switch (operation.kind) {
    case "enqueue":
      return [await send(world, operation)];
    case "claim":
      return await claim(world, operation, circumstances);
    case "settle":
      return [await settle(world, operation)];
    case "renew":
      return [await renew(world, operation, circumstances)];
    case "reap":
      return [await takeBack(world, circumstances)];
    case "redrive":
      return [await revive(world, operation)];
  }
}

type Of<Kind extends Operation["kind"]> = Extract<Operation, { kind: Kind }>;

async function send({ site }: Where, { groups, delay }: Of<"enqueue">): Promise<Step> {
  const tasks = groups.map((group) => ({
    message: "null",
    headers: group === null ? null : JSON.stringify({ "x-pgmq-group": group }),
  }));
  const due = { delayMs: delay * 3_600_000, at: null };
  const ids = await enqueue(site.sql, site.tables, tasks, due);
  const rows = ids.map((id, index) => model.newTask(id, groups[index]!, delay));
  return {
    did: `enqueue ${rows.map(({ id, group }) => `${id} (${group})`).join(", ")}, due in ${delay} h`,
    after: (before) => [[...before, ...rows]],
  };
}

async function claim(
  world: Where,
  { worker, limit }: Of<"claim">,
  circumstances: Circumstances,
): Promise<Step[]> {
  const { site, rules, workers } = world;
  const me = workers[worker]!;
  const crew = rules.limit === undefined ? undefined : me.crew;
  const asked = { limit, round: me.round, rules, crew };
  const options = { ...asked, leaseMs, timeoutMs };
  const claim = await claimStrictly(site, me.turns, options);
  me.round = claim.round;
  const receipts = claim.deliveries.map(({ id, deliveries }) => ({ id, deliveries }));
  const from = rules.grouped ? ` (behind ${asked.round?.place}, then ${me.round?.place})` : "";
  const step: Step = {
    did: `worker ${worker} claims ${limit}${from}: ${shown(receipts)}`,
    claimed: { worker, crew, receipts },
    after(before) {
      const after = afterClaim(before, asked, claim, circumstances.touched);
      if (!rules.grouped && circumstances.times) {
        inDueOrder(before, asked, claim, circumstances.times);
      }
      return [after];
    },
  };
  return claim.expired ? [step, await takeBack(world, circumstances)] : [step];
}

async function settle(world: Where, { receipt, how }: Of<"settle">): Promise<Step> {
  const done = await write(world, receipt, how);
  return {
    did: `${settlement(how)} ${shown([receipt])}: ${done ? "done" : "not held"}`,
    after(before, seen) {
      const row = holds(before, receipt);
      if (done !== (row !== undefined)) {
        throw new Violation(`task ${receipt.id} is ${row ? "" : "not "}held, but it says ${done}`);
      }
      if (!row) return [before];
      const letter = seen.find(({ place, failed }) =>
        (place === "letters" || place === "redriven") && failed === row.id
      );
      return [model.change(before, row, ...model.settled(row, how, letter?.id ?? -1))];
    },
  };
}

async function write({ site, letters }: Where, receipt: Receipt, how: Settlement) {
  const changed = how.kind === "complete"
    ? await complete(site, [receipt], true)
    : how.kind === "bury"
    ? await bury(site, [{ ...receipt, error: how.error }], {
      letters: letters.tables,
      archive: true,
    })
    : await putBack(
      site,
      [{ ...receipt, error: how.error, delayMs: how.delay * 3_600_000 }],
      quiet,
    );
  return changed.has(receipt.id);
}

async function renew(
  { site }: Where,
  { receipts }: Of<"renew">,
  { locked }: Circumstances,
): Promise<Step> {
  const { held, extended } = await extend(site, receipts, leaseMs);
  return {
    did: `renew ${shown(receipts)}: held ${[...held]}, renewed ${[...extended]}`,
    after(before) {
      const mine = receipts.filter((receipt) => holds(before, receipt)).map(({ id }) => id);
      const free = locked
        ? mine.filter((id) => !locked.has(id))
        : mine.filter((id) => extended.has(id));
      same("held", held, mine);
      same("renewed", extended, free);
      return [
        before.map((row) =>
          row.place === "queue" && extended.has(row.id) ? { ...row, due: leaseHours } : row
        ),
      ];
    },
  };
}

/** Rows that somebody is settling or renewing are passed over: at the same time, any. */
async function takeBack({ site }: Where, { locked }: Circumstances): Promise<Step> {
  const count = await reap(site);
  return {
    did: `reap: ${count}`,
    after(before) {
      const expired = before.filter(model.expired);
      const free = expired.filter(({ id }) => !locked?.has(id));
      if (count > free.length || (locked && count < free.length)) {
        throw new Violation(`reaped ${count} of ${free.length}`);
      }
      return choices(free, count).map((chosen) =>
        before.map((row) => chosen.includes(row) ? model.reaped(row) : row)
      );
    },
  };
}

async function revive({ site, letters }: Where, { limit }: Of<"redrive">): Promise<Step> {
  const range = { first: 1, last: 1_000_000, limit };
  const tasks = await redrive({ queue: site, letters, archive: true }, range);
  return {
    did: `redrive ${limit}: ${tasks.map(({ letter, task }) => `letter ${letter} as ${task}`)}`,
    after(before) {
      const waiting = before.filter(({ place }) => place === "letters");
      const chosen = waiting.toSorted((a, b) => a.id - b.id).slice(0, limit);
      same("redriven", tasks.map(({ letter }) => letter), chosen.map(({ id }) => id));
      return [chosen.reduce<State>((state, letter, index) => {
        return model.change(state, letter, ...model.redriven(letter, tasks[index]!.task!));
      }, before)];
    },
  };
}

function same(what: string, found: Iterable<number>, expected: readonly number[]): void {
  const sorted = (numbers: Iterable<number>) => `[${[...numbers].sort((a, b) => a - b)}]`;
  if (sorted(found) === sorted(expected)) return;
  throw new Violation(`${what}: ${sorted(found)} instead of ${sorted(expected)}`);
}

/** All ways to take so many of them. */
function choices<Item>(items: readonly Item[], count: number): Item[][] {
  if (count === 0) return [[]];
  return items.flatMap((item, index) =>
    choices(items.slice(index + 1), count - 1).map((rest) => [item, ...rest])
  );
}

/** A settlement as a verb. */
export function settlement(how: Settlement): string {
  if (how.kind !== "putBack") return how.kind;
  const verb = how.error === null ? (how.delay ? "snooze" : "release") : "retry";
  return how.delay ? `${verb} in ${how.delay} h` : verb;
}

function shown(receipts: readonly Receipt[]): string {
  return receipts.map(({ id, deliveries }) => `${id}#${deliveries}`).join(", ") || "nothing";
}
