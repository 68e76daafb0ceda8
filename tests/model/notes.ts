/**
 * Which situation is met by what is done.
 *
 * @module
 */

import type { Receipt } from "../../src/core/task.ts";
import type { Crew, Rules } from "../../src/db/flights.ts";
import { eligible, heads } from "./claims.ts";
import { crowds } from "./crew_notes.ts";
import { counted, mayGoAhead, type Room, room } from "./crews.ts";
import type { Tally } from "./situations.ts";
import { expired, flies, groupName, holds, queued, type Row, type State } from "./state.ts";
import type { Operation, Step } from "./steps.ts";

/** What is there before something is done. */
export interface Met {
  readonly state: State;
  readonly rules: Rules;
  /** As whom each worker claims where the number matters. */
  readonly crews: readonly (Crew | undefined)[];
  /** Tasks that a transaction is settling. */
  readonly locked: ReadonlySet<number>;
}

/** Notes what an operation meets; `place` is where the round of the worker that claims has come to. */
export function meets(tally: Tally, met: Met, operation: Operation, place?: string): void {
  const { state, rules, locked } = met;
  switch (operation.kind) {
    case "enqueue": {
      const busy = state.filter(flies).map(({ group }) => group);
      const joins = operation.groups.some((group) => busy.includes(group));
      const name = "lifo: a task is inserted while another of its group is in flight";
      return tally.note(name, rules.grouped && rules.lifo && joins);
    }
    case "claim": {
      const asked = { limit: operation.limit, rules, crew: met.crews[operation.worker] };
      if (rules.grouped) groupsWait(tally, met);
      if (rules.limit !== undefined) crowds(tally, state, asked);
      return crowded(tally, met, asked, place);
    }
    case "settle":
      return settles(tally, state, operation.receipt);
    case "renew":
      return operation.receipts.forEach((receipt) => renews(tally, met, receipt));
    case "reap": {
      const passed = state.filter(expired).some(({ id }) => locked.has(id));
      return tally.note("a reap passes over a task that is being settled", passed);
    }
    case "redrive": {
      const letters = state.filter(({ place }) => place === "letters");
      const busy = state.filter(flies).map(groupName);
      const joins = letters.some((letter) => busy.includes(groupName(letter)));
      tally.note("redriven into a group with a task in flight", rules.grouped && joins);
      tally.note("redriven a second time", letters.some(({ root }) => root !== null));
    }
  }
}

function groupsWait(tally: Tally, { state, rules }: Met): void {
  for (const [group, head] of heads(state, rules)) {
    const rest = queued(state).filter((row) => row !== head && groupName(row) === group);
    const other = rest.find(flies);
    if (other) {
      const name = "a group waits as another of its tasks than the head is in flight";
      tally.note(name, head.due <= 0);
      const late = "a group waits for a task that is not its head and whose lease has run out";
      tally.note(late, expired(other));
    }
    if (rest.every(({ due }) => due > 0)) continue;
    tally.note("a group waits for its head whose lease has run out", expired(head));
    if (head.due <= 0 || flies(head) || other) continue;
    tally.note("a group waits for the retry of its head", head.errors.length > 0);
    tally.note("a group waits for its head that is snoozed", head.releases > 0);
    tally.note("a group waits for its delayed head", head.deliveries === 0);
  }
}

function crowded(tally: Tally, { state, rules }: Met, asked: Room, place?: string): void {
  const may = eligible(state, rules);
  const size = room(state, asked);
  const free = Math.max(0, (rules.limit ?? Infinity) - counted(state));
  tally.note("the limit is reached", free === 0 && may.length > 0);
  tally.note("the limit is reached by leases that have run out", free === 0 && state.some(expired));
  tally.note("the limit leaves room for some, not for all", free > 0 && free < may.length);
  const groups = new Set(queued(state).map(groupName));
  const ahead = [...groups].some((name) => rules.lifo ? name < place! : name > place!);
  tally.note("a round goes on behind its place", place !== undefined && ahead && groups.size > 1);
  tally.note("groups wait for the next claim", rules.grouped && size > 0 && size < may.length);
  const crashes = may.map(({ deliveries, errors, releases }) =>
    deliveries - errors.length - releases
  );
  const all = size >= may.length;
  tally.note("a task is claimed again after a crash", all && Math.max(...crashes) > 0);
  tally.note("a task is claimed again after two crashes", all && Math.max(...crashes) > 1);
}

function settles(tally: Tally, state: State, receipt: Receipt): void {
  const row = queued(state).find(({ id }) => id === receipt.id);
  if (holds(state, receipt)) {
    return tally.note("settled on a lease that has run out", expired(row!));
  }
  const before = row && row.deliveries > receipt.deliveries;
  tally.note("a receipt is stale after a takeover", before);
  tally.note("a receipt is stale after a reap", reapedFrom(row, receipt));
  const done = state.some(({ place, id }) => place === "archive" && id === receipt.id);
  tally.note("a receipt is stale after a settlement", done);
}

/** It was not settled, or there would be an error or a release for each delivery. */
function reapedFrom(row: Row | undefined, { deliveries }: Receipt): boolean {
  return row?.settled === deliveries && row.errors.length + row.releases < deliveries;
}

function renews(tally: Tally, { state, locked }: Met, receipt: Receipt): void {
  const row = holds(state, receipt);
  if (row && locked.has(row.id)) tally.note("a renewal passes over a task that is being settled");
  else if (row) tally.note("renewed on a lease that has run out", expired(row));
  const now = queued(state).find(({ id }) => id === receipt.id);
  const taken = !row && now && (reapedFrom(now, receipt) || now.deliveries > receipt.deliveries);
  tally.note("a renewal is refused after a reap or a takeover", taken);
}

/** Notes what a commit meets, or a rollback. */
export function ends(
  tally: Tally,
  { state, rules }: Met,
  { kind }: Operation,
  step: Step,
  how: "commit" | "rollback",
): void {
  tally.note("an enqueue is rolled back", how === "rollback" && kind === "enqueue");
  tally.note("a settlement is rolled back", how === "rollback" && kind === "settle");
  if (how === "rollback" || kind !== "enqueue" || !rules.grouped) return;
  const late = step.after(state, state)[0]!.filter((row) => !state.includes(row));
  const higher = queued(state).filter((row) =>
    late.some(({ id, group }) => id < row.id && group === row.group)
  );
  const running = higher.some(flies);
  tally.note("a lower id is committed while a higher one of its group is in flight", running);
  const waiting = higher.length > 0 && !running;
  tally.note("a lower id is committed while higher ones of its group wait", waiting);
}

/** Notes what was done at once. */
export function meet(
  tally: Tally,
  { state, rules, crews }: Met,
  operations: readonly Operation[],
  steps: readonly Step[],
): void {
  const claims = operations.filter((one) => one.kind === "claim");
  const limit = claims.reduce((sum, { limit }) => sum + limit, 0);
  const free = room(state, { limit, rules, crew: undefined });
  const eager = claims.filter(({ limit, worker }) => {
    return mayGoAhead(state, { limit, rules, crew: crews[worker] });
  });
  const quarrel = rules.limit !== undefined && eager.length > 1 &&
    eligible(state, rules).length > 0;
  tally.note("at once: crews that each could go ahead claim", quarrel);
  const few = free > 0 && Math.min(free, eligible(state, rules).length) < limit;
  tally.note("at once: claims for more than there is", claims.length > 1 && few);
  const got = steps.flatMap(({ claimed }) => claimed?.receipts.length ? [claimed.receipts] : []);
  tally.note("at once: claims by several workers that get something", got.length > 1);

  const settled = operations.flatMap((one) => one.kind === "settle" ? one.receipt.id : []);
  tally.note("at once: two settlements of one task", new Set(settled).size < settled.length);
  const renewed = operations.flatMap((one) => one.kind === "renew" ? one.receipts : [])
    .filter((receipt) => holds(state, receipt) && settled.includes(receipt.id));
  tally.note("at once: a settlement and a renewal of one task", renewed.length > 0);
  const reapable = state.filter(expired).some(({ id }) => settled.includes(id));
  const reaps = reapable && steps.some(({ did }) => did.startsWith("reap"));
  tally.note("at once: a settlement and a reap of one task", reaps);

  const groupsOf = (ids: readonly number[]) =>
    queued(state).filter(({ id }) => ids.includes(id)).map(groupName);
  const next = groupsOf(got.flat().map(({ id }) => id));
  const follows = rules.grouped && groupsOf(settled).some((group) => next.includes(group));
  tally.note("at once: a settlement and a claim that gets the next of its group", follows);
  const redrives = operations.filter(({ kind }) => kind === "redrive").length;
  const letters = state.some(({ place }) => place === "letters");
  tally.note("at once: two redrives of one letter", redrives > 1 && letters);
}
