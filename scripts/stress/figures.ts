/**
 * The figures of a stress run, as a table.
 *
 * @module
 */

import { levels } from "./concurrency.ts";
import { type Evidence, type Run, until } from "./evidence.ts";
import { type Judgement, kinds, type Violation } from "./judge.ts";

/** How many violations of each kind are shown with their runs. */
const shown = 3;

/** The figures, one a line. */
export function figures(evidence: Evidence, { violations, excused }: Judgement): string {
  const { runs, tasks, deaths, freezes, samples, rules } = evidence;
  const failed = runs.filter(({ outcome }) => outcome === "failed").length;
  const first = runs.reduce((least, { start }) => Math.min(least, start), Infinity);
  const last = runs.reduce((most, { end = 0 }) => Math.max(most, end), 0);
  const seconds = runs.length > 0 ? (last - first) / 1000 : 0;
  const ended = runs.filter(({ outcome }) => outcome === "ok" || outcome === "dead");
  const done = new Set(ended.map(({ task }) => task)).size;
  const steps = levels(runs, evidence);
  const gaps = idleGaps(evidence);
  const rows: [string, string | number][] = [
    ["tasks", tasks.length],
    ["starts", runs.length],
    ["ends", runs.filter(({ end }) => end !== undefined).length],
    ["workers killed", deaths.size],
    ["attempts repeated after a kill or a loss", repeated(runs)],
    ["failed attempts, retried", failed],
    ["tasks that died for good", runs.filter(({ outcome }) => outcome === "dead").length],
    ["workers frozen", freezes.length],
    ["leases lost", runs.filter(({ lost }) => lost).length],
    ["overlaps excused by a freeze", excused],
    ["most runs at once", steps.reduce((most, { running }) => Math.max(most, running), 0)],
    ["  allowed", rules.limit ?? "any number"],
    ["  on average", (average(steps) || 0).toFixed(1)],
    ["most in flight by the database", Math.max(0, ...samples.map(({ inFlight }) => inFlight))],
    ["  on average", mean(samples.map(({ inFlight }) => inFlight)).toFixed(1)],
    ["duration", `${seconds.toFixed(1)} s`],
    ["tasks per second", Math.round(done / seconds) || 0],
    ["a group's wait for its next run, p50", `${quantile(gaps, 0.5)} ms`],
    ["  p99", `${quantile(gaps, 0.99)} ms`],
    ["  longest", `${quantile(gaps, 1)} ms`],
    ...Object.keys(kinds).map((kind): [string, number] => [
      `violations: ${kind}`,
      violations.filter((violation) => violation.kind === kind).length,
    ]),
  ];
  return rows.map(([name, value]) => `${name.padEnd(42)}${String(value).padStart(12)}`).join("\n");
}

/** The first violations of each kind, with what was logged. */
export function details({ violations }: Judgement, { deaths, tasks }: Evidence): string {
  const told = [...Map.groupBy(violations, ({ kind }) => kind).entries()];
  const taskOf = new Map(tasks.map((task) => [task.id, task]));
  const run = (run: Run) => {
    const { sent, committed } = taskOf.get(run.task) ?? {};
    const death = deaths.has(run.worker) ? ` killed ${time(deaths.get(run.worker))}` : "";
    return `    ${run.worker} task ${run.task} attempt ${run.attempt} ${time(run.start)} to ` +
      `${time(run.end)} ${run.outcome ?? "-"}${run.lost ? " lost" : ""}${death}; ` +
      `sent ${time(sent)}, committed ${time(committed)}`;
  };
  const one = ({ text, runs }: Violation) => [`  ${text}`, ...runs.map(run)].join("\n");
  return told.map(([kind, all]) => {
    const more = all.length > shown ? `\n  and ${all.length - shown} more` : "";
    return `${kind}: ${kinds[kind]}\n${all.slice(0, shown).map(one).join("\n")}${more}`;
  }).join("\n");
}

/** Hours, minutes and seconds, to the microsecond. */
function time(ms: number | undefined): string {
  if (ms === undefined) return "-";
  const seconds = (ms % 60_000 / 1000).toFixed(6).padStart(9, "0");
  return new Date(ms).toJSON().slice(11, 17) + seconds;
}

function repeated(runs: readonly Run[]): number {
  const seen = new Set<string>();
  for (const { task, attempt } of runs) seen.add(`${task} ${attempt}`);
  return runs.length - seen.size;
}

function average(steps: ReturnType<typeof levels>): number {
  const all = steps.slice(1).map(({ at }, i) => [steps[i]!.running, at - steps[i]!.at] as const);
  const total = all.reduce((sum, [, ms]) => sum + ms, 0);
  return all.reduce((sum, [running, ms]) => sum + running * ms, 0) / total;
}

/**
 * How long groups waited for a run that nothing but the workers kept from starting: after a run that
 * returned, until a task began that was committed by then.
 */
function idleGaps(evidence: Evidence): number[] {
  const committed = new Map(evidence.tasks.map((task) => [task.id, task.committed]));
  const runs = [...evidence.runs].sort((a, b) => a.start - b.start);
  const gaps = [...Map.groupBy(runs, ({ group }) => group).values()].flatMap((runs) => {
    return runs.slice(1).flatMap((run, i) => {
      const former = runs[i]!;
      const since = until(former, evidence);
      const ready = former.outcome === "ok" && committed.get(run.task)! <= since;
      return ready ? [run.start - since] : [];
    });
  });
  return gaps.sort((a, b) => a - b);
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length || 0;
}

function quantile(sorted: readonly number[], part: number): string {
  return (sorted[Math.ceil(part * sorted.length) - 1] ?? 0).toFixed(1);
}
