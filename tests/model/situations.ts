/**
 * Which situations the runs have been through: a check that nothing ever comes to proves nothing.
 *
 * @module
 */

/** All that have to occur. */
export const situations = [
  "a lower id is committed while a higher one of its group is in flight",
  "a lower id is committed while higher ones of its group wait",
  "an enqueue is rolled back",
  "a settlement is rolled back",
  "lifo: a task is inserted while another of its group is in flight",
  "a group waits as another of its tasks than the head is in flight",
  "a group waits for its head whose lease has run out",
  "a group waits for a task that is not its head and whose lease has run out",
  "a group waits for the retry of its head",
  "a group waits for its head that is snoozed",
  "a group waits for its delayed head",
  "the limit is reached",
  "the limit leaves room for some, not for all",
  "the limit is reached by leases that have run out",
  "a crew goes ahead",
  "a crew goes further ahead",
  "a crew goes ahead beside another that is ahead",
  "a crew goes ahead beside one that doesn't say who it is",
  "a crew waits for one that is ahead",
  "a crew that is ahead lets its leases run out",
  "a crew waits as its tasks fill what others leave",
  "a crew gets fewer than its seats, as others leave no more",
  "a claim gets what a crew leaves of its seats",
  "one that doesn't say who it is gets what a crew leaves",
  "one that doesn't say who it is waits for a crew that is ahead",
  "a round goes on behind its place",
  "groups wait for the next claim",
  "a task is claimed again after a crash",
  "a task is claimed again after two crashes",
  "settled on a lease that has run out",
  "a receipt is stale after a reap",
  "a receipt is stale after a takeover",
  "a receipt is stale after a settlement",
  "renewed on a lease that has run out",
  "a renewal is refused after a reap or a takeover",
  "a renewal passes over a task that is being settled",
  "a reap passes over a task that is being settled",
  "redriven into a group with a task in flight",
  "redriven a second time",
  "at once: claims for more than there is",
  "at once: claims by several workers that get something",
  "at once: crews that each could go ahead claim",
  "at once: two settlements of one task",
  "at once: a settlement and a renewal of one task",
  "at once: a settlement and a reap of one task",
  "at once: a settlement and a claim that gets the next of its group",
  "at once: two redrives of one letter",
] as const;

/** The name of one. */
export type Situation = typeof situations[number];

/** Counts situations, and what was done. */
export class Tally {
  readonly #situations = new Map<Situation, number>();
  readonly #done = new Map<string, number>();
  runs = 0;

  /** Notes a situation, if it occurred. */
  note(name: Situation, occurred = true): void {
    if (occurred) this.#situations.set(name, this.times(name) + 1);
  }

  /** Notes something done. */
  did(kind: string): void {
    this.#done.set(kind, (this.#done.get(kind) ?? 0) + 1);
  }

  /** How often a situation occurred. */
  times(name: Situation): number {
    return this.#situations.get(name) ?? 0;
  }

  /** What never occurred. */
  get missing(): Situation[] {
    return situations.filter((name) => this.times(name) === 0);
  }

  /** How many commands were executed. */
  get commands(): number {
    return [...this.#done.values()].reduce((sum, count) => sum + count, 0);
  }

  /** All counts, one a line. */
  toString(): string {
    const line = (name: string, count: number) => `${String(count).padStart(8)}  ${name}`;
    return [
      `${this.runs} runs, ${this.commands} commands`,
      ...[...this.#done].toSorted().map(([kind, count]) => line(kind, count)),
      "situations",
      ...situations.map((name) => line(name, this.times(name))),
    ].join("\n");
  }
}
