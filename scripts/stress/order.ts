/**
 * The order of the runs of a group.
 *
 * @module
 */

import { type Evidence, type Run, type Task, until } from "./evidence.ts";
import type { Violation } from "./judge.ts";

/**
 * Runs that came before a task which was ahead of theirs: which was there, and not settled, as it
 * ran later. Ahead is the lower id, or with `lifo` the higher one. `runs` are in order of time.
 */
export function overtaken(runs: readonly Run[], evidence: Evidence): Violation[] {
  const tasks = Map.groupBy(evidence.tasks, ({ group }) => group);
  return [...Map.groupBy(runs, ({ group }) => group)].flatMap(([group, runs]) => {
    return overtakenIn(tasks.get(group) ?? [], runs, evidence);
  });
}

function overtakenIn(tasks: readonly Task[], runs: readonly Run[], evidence: Evidence) {
  const direction = evidence.rules.lifo ? -1 : 1;
  const sent = new Map(tasks.map((task) => [task.id, task.sent]));
  const last = new Map(runs.map((run) => [run.task, run]));
  return runs.flatMap((run, i): Violation[] => {
    const seen = Math.max(sent.get(run.task) ?? -Infinity, formerEnd(run, runs[i - 1], evidence));
    const ahead = tasks.find(({ id, committed }) => {
      return (run.task - id) * direction > 0 && committed <= seen &&
        last.get(id) !== undefined && last.get(id)!.start > run.start;
    });
    if (!ahead) return [];
    const text = `task ${run.task} of group ${run.group} came before task ${ahead.id}`;
    return [{ kind: "order", text, runs: [run, last.get(ahead.id)!] }];
  });
}

/**
 * What was committed by the end of the group's former run, the claim of this one must have seen: it
 * saw that end. What came later may have come too late for it. (It also saw its own task, and so
 * what was committed before that was sent.)
 */
function formerEnd({ start }: Run, former: Run | undefined, evidence: Evidence): number {
  const end = former ? until(former, evidence) : -Infinity;
  return end <= start ? end : -Infinity;
}
