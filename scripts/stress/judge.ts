/**
 * The judge of a stress run: what is known of it goes in, what must not have been comes out.
 *
 * @module
 */

import { levels } from "./concurrency.ts";
import { type Evidence, type Places, type Run, type Task, until } from "./evidence.ts";
import { overtaken } from "./order.ts";

/** What can be wrong, and what that means. */
export const kinds = {
  unprocessed: "a task without a run that ended it",
  misplaced: "tasks in the wrong place at the end, or lost, or doubled",
  unknown: "a run of a task that nobody enqueued",
  unended: "a start without an end, though the worker lived",
  repeat: "a run again without a failure or a kill before it, or as a wrong attempt",
  overlap: "two runs of one group (or task) at once",
  order: "a task that came before another which was ahead of it",
  limit: "more runs at once than allowed",
  database: "more in flight than allowed, by what the database held",
  lost: "a lease that ran out though its worker was awake: a defect, or a lease too short",
  fault: "a worker that ended by itself, or would not end",
} as const;

/** One thing that is wrong, with the runs that show it. */
export interface Violation {
  readonly kind: keyof typeof kinds;
  readonly text: string;
  readonly runs: readonly Run[];
}

/** What the judge found. */
export interface Judgement {
  readonly violations: readonly Violation[];
  /** Overlaps that at-least-once allows: a worker was frozen for longer than its lease. */
  readonly excused: number;
}

/** Finds everything that is wrong. */
export function judge(evidence: Evidence): Judgement {
  const runs = [...evidence.runs].sort((a, b) => a.start - b.start);
  const excused = (run: Run) => run.lost && slept(run, evidence);
  const sound = runs.filter((run) => !excused(run));
  const ofGroups = [...Map.groupBy(runs, ({ group }) => group).values()];
  const overlaps = ofGroups.flatMap((runs) => overlapsOf(runs, evidence));
  const guilty = overlaps.filter(({ runs }) => !runs.some(excused));
  const violations = [
    ...unprocessed(runs, evidence),
    ...misplaced(evidence),
    ...unknown(runs, evidence),
    ...runs.flatMap((run) => unended(run, evidence)),
    ...[...Map.groupBy(sound, ({ task }) => task).values()].flatMap((r) => repeats(r, evidence)),
    ...guilty,
    ...overtaken(sound, evidence),
    ...overLimit(sound, evidence),
    ...overLimitInDatabase(evidence),
    ...sound.filter(({ lost }) => lost).map((run) => violation("lost", "a lease ran out", run)),
    ...evidence.faults.map((text) => violation("fault", text)),
  ];
  return { violations, excused: overlaps.length - guilty.length };
}

function violation(kind: Violation["kind"], text: string, ...runs: Run[]): Violation {
  return { kind, text, runs };
}

/**
 * Whether the worker was frozen within the run, or before its result was written. A worker that
 * wakes up takes up to a third of its lease to see what it has lost; it must start nothing by then.
 */
function slept(run: Run, evidence: Evidence): boolean {
  const { leaseMs } = evidence.rules;
  return evidence.freezes.some(({ worker, from, to }) => {
    return worker === run.worker && run.start <= to + leaseMs / 3 &&
      from <= until(run, evidence) + leaseMs;
  });
}

function unprocessed(runs: readonly Run[], { tasks }: Evidence): Violation[] {
  const done = new Set(runs.map(({ task, outcome }) => `${task} ${outcome}`));
  const wanted = ({ dies }: Task) => dies ? "dead" : "ok";
  return tasks.filter((task) => !done.has(`${task.id} ${wanted(task)}`)).map((task) => {
    const its = runs.filter((run) => run.task === task.id);
    return violation("unprocessed", `task ${task.id} never ended ${wanted(task)}`, ...its);
  });
}

function misplaced({ places, tasks }: Evidence): Violation[] {
  const dead = tasks.filter(({ dies }) => dies).length;
  const wanted = { queued: 0, dead, completed: tasks.length - dead, failed: dead };
  return (Object.keys(wanted) as (keyof Places)[]).flatMap((place) => {
    const text = `${places[place]} tasks are ${place}, not ${wanted[place]}`;
    return places[place] === wanted[place] ? [] : [violation("misplaced", text)];
  });
}

function unknown(runs: readonly Run[], { tasks }: Evidence): Violation[] {
  const ids = new Set(tasks.map(({ id }) => id));
  return runs.filter(({ task }) => !ids.has(task)).map((run) => {
    return violation("unknown", `nobody enqueued task ${run.task}`, run);
  });
}

function unended(run: Run, evidence: Evidence): Violation[] {
  if (until(run, evidence) < Infinity) return [];
  return [violation("unended", `the run of task ${run.task} did not end`, run)];
}

/** Runs of one task: each but the first needs a reason. */
function repeats(runs: readonly Run[], evidence: Evidence): Violation[] {
  return runs.slice(1).flatMap((run, i) => {
    const former = runs[i]!;
    if (attemptsAfter(former, evidence).includes(run.attempt)) return [];
    const text = `task ${run.task} ran again, as attempt ${run.attempt}, without a reason`;
    return [violation("repeat", text, former, run)];
  });
}

/** The numbers that the next attempt may have; none if there must not be a next one. */
function attemptsAfter(former: Run, evidence: Evidence): number[] {
  const { attempt, outcome, lost } = former;
  const failed = outcome === "failed" ? [attempt + 1] : [];
  return lost || killed(former, evidence) ? [attempt, ...failed] : failed;
}

/** Whether a kill may have come before the result was written: a lease is ample time for that. */
function killed({ worker, end = Infinity }: Run, { deaths, rules }: Evidence): boolean {
  const death = deaths.get(worker);
  return death !== undefined && end > death - rules.leaseMs;
}

/** Runs of one group: each must begin when all before it are over. */
function overlapsOf(runs: readonly Run[], evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  let last: Run | undefined;
  for (const run of runs) {
    if (until(run, evidence) <= run.start) continue; // the log heard of it after the kill
    if (last && run.start < until(last, evidence)) {
      found.push(violation("overlap", `two runs of group ${run.group} at once`, last, run));
    }
    if (!last || until(run, evidence) > until(last, evidence)) last = run;
  }
  return found;
}

function overLimit(runs: readonly Run[], evidence: Evidence): Violation[] {
  const { limit = Infinity } = evidence.rules;
  const over = levels(runs, evidence).filter(({ running, begun }) => begun && running > limit);
  return over.map(({ at, running }) => {
    const then = runs.filter((run) => run.start <= at && at < until(run, evidence));
    return violation("limit", `${running} runs at once, ${limit} are allowed`, ...then);
  });
}

function overLimitInDatabase({ samples, rules }: Evidence): Violation[] {
  const { limit = Infinity, grouped } = rules;
  return samples.flatMap(({ at, inFlight, ofOneGroup }) => {
    const text = `${inFlight} in flight, ${ofOneGroup} of one group, at ${new Date(at).toJSON()}`;
    const wrong = inFlight > limit || grouped && ofOneGroup > 1;
    return wrong ? [violation("database", text)] : [];
  });
}
