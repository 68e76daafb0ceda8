/**
 * The model: what the tables of a queue and of its dead letters hold, in memory, and what each
 * transition makes of it. Times are in hours from now, so that real milliseconds don't matter.
 *
 * @module
 */

import type { Receipt } from "../../src/core/task.ts";

/** A row of one of the four tables, as far as the model foresees it. */
export interface Row {
  /** `redriven` is the archive of the dead letters. */
  readonly place: "queue" | "archive" | "letters" | "redriven";
  readonly id: number;
  readonly group: string | null;
  /** Hours until it is due, in the queue. */
  readonly due: number;
  readonly deliveries: number;
  readonly status: string | null;
  /** In flight: the crew that has claimed it, and its seats, if it says so. */
  readonly worker: string | null;
  readonly seats: number | null;
  readonly errors: readonly string[];
  readonly releases: number;
  readonly settled: number | null;
  /** Of a redriven task, or of a dead letter: the task that failed. */
  readonly failed: number | null;
  readonly root: number | null;
  /** To the letter a task has come from or has become, or to the task a letter has become. */
  readonly link: number | null;
}

/** All rows. */
export type State = readonly Row[];

/** What a worker may do to a task that it holds. */
export type Settlement =
  | { readonly kind: "complete" }
  | { readonly kind: "putBack"; readonly delay: number; readonly error: string | null }
  | { readonly kind: "bury"; readonly error: string };

/** For how long a claim or a renewal leases, in hours. */
export const leaseHours = 2;

/** What is not as the model says. */
export class Violation extends Error {
  override readonly name = "Violation";
}

/** The tasks in the queue. */
export function queued(state: State): readonly Row[] {
  return state.filter(({ place }) => place === "queue");
}

/** Is in flight: claimed, neither settled nor reaped. */
export function flies({ place, status }: Row): boolean {
  return place === "queue" && status === "processing";
}

/** Is in flight, but on a lease that has run out. */
export function expired(row: Row): boolean {
  return flies(row) && row.due <= 0;
}

/** The task that a receipt still holds. */
export function holds(state: State, { id, deliveries }: Receipt): Row | undefined {
  return queued(state).find((row) =>
    row.id === id && row.deliveries === deliveries && row.settled !== deliveries
  );
}

/** In no crew's hands. */
const nobody = { worker: null, seats: null };

/** A new task. */
export function newTask(id: number, group: string | null, due: number): Row {
  return {
    place: "queue",
    id,
    group,
    due,
    deliveries: 0,
    status: null,
    ...nobody,
    errors: [],
    releases: 0,
    settled: null,
    failed: null,
    root: null,
    link: null,
  };
}

/** With another row in place of one. */
export function change(state: State, old: Row, ...by: readonly Row[]): State {
  return [...state.filter((row) => row !== old), ...by];
}

/** A task in flight after a claim. */
export function claimed(row: Row, crew: Pick<Row, "worker" | "seats"> = nobody): Row {
  const deliveries = row.deliveries + 1;
  return { ...row, ...crew, deliveries, due: leaseHours, status: "processing" };
}

/** A task that has been taken back from a worker that let its lease run out. */
export function reaped(row: Row): Row {
  return { ...row, ...nobody, status: "queued", settled: row.deliveries };
}

/** A settled task: what it becomes. `letter` is the id of its dead letter. */
export function settled(row: Row, how: Settlement, letter: number): readonly Row[] {
  switch (how.kind) {
    case "complete":
      return [{ ...row, ...nobody, place: "archive", due: 0, status: "completed", link: null }];
    case "putBack": {
      const back = { ...reaped(row), due: how.delay };
      return how.error === null
        ? [{ ...back, releases: row.releases + 1 }]
        : [{ ...back, errors: [...row.errors, how.error] }];
    }
    case "bury": {
      const errors = [...row.errors, how.error];
      const { id, group, root } = row;
      return [
        { ...row, ...nobody, place: "archive", due: 0, status: "failed", errors, link: letter },
        { ...newTask(letter, group, 0), place: "letters", errors, failed: id, root },
      ];
    }
  }
}

/** A redriven letter: what it becomes. */
export function redriven(letter: Row, id: number): readonly Row[] {
  const { group, failed, root } = letter;
  return [
    { ...letter, place: "redriven", link: id },
    { ...newTask(id, group, 0), failed, root: root ?? failed, link: letter.id },
  ];
}

/** After hours have gone by. */
export function later(state: State, hours: number): State {
  return state.map((row) => row.place === "queue" ? { ...row, due: row.due - hours } : row);
}

/** A group as it is written here, and as it is ordered: by bytes. */
export function groupName({ group }: { readonly group: string | null }): string {
  return group ?? "_default_fifo_group";
}

/** All rows as text, one a line, in order; equal texts are equal states. */
export function text(state: State): string {
  return state.map(line).sort((a, b) => a < b ? -1 : 1).join("\n");
}

function line(row: Row): string {
  const { place, id, group, due, deliveries, status, errors, releases } = row;
  const times = place === "queue" ? [`due in ${due} h`] : [];
  const links = (["settled", "failed", "root", "link", "worker", "seats"] as const)
    .filter((name) => row[name] !== null).map((name) => `${name} ${row[name]}`);
  const parts = [`group ${group}`, ...times, `deliveries ${deliveries}`, `${status}`];
  const counts = [`errors [${errors.join(", ")}]`, `releases ${releases}`];
  return `${place} ${String(id).padStart(3)}: ${[...parts, ...counts, ...links].join(", ")}`;
}
