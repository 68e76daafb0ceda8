/**
 * What is known of a stress run, for the judge.
 *
 * All times are milliseconds of the database's clock. A handler logs its start after it has begun
 * and its end before it returns, so that what is logged lies within what was: two runs that overlap
 * in the log did overlap.
 *
 * @module
 */

/** How a handler ends: it returns, throws, or throws what no retry can help. */
export type Outcome = "ok" | "failed" | "dead";

/** One run of a handler. */
export interface Run {
  readonly worker: string;
  readonly task: number;
  /** In a queue without order every task is a group of its own. */
  readonly group: string;
  /** As the handler was told. */
  readonly attempt: number;
  readonly start: number;
  /** Logged by the handler; none if its worker was killed before. */
  readonly end: number | undefined;
  /** What the handler was about to do when it logged its end. */
  readonly outcome: Outcome | undefined;
  /** Its worker said that the lease was gone before the result was written. */
  readonly lost: boolean;
}

/** A task as its producer knows it. */
export interface Task {
  readonly id: number;
  readonly group: string;
  /** It was committed after this, */
  readonly sent: number;
  /** and before this. */
  readonly committed: number;
  /** It is to end as a dead letter. */
  readonly dies: boolean;
}

/** What the database itself had in flight at one instant. */
export interface Sample {
  readonly at: number;
  readonly inFlight: number;
  /** The most of one group. */
  readonly ofOneGroup: number;
}

/** What the processor was told to keep to. */
export interface Rules {
  readonly grouped: boolean;
  readonly lifo: boolean;
  readonly limit: number | undefined;
  readonly leaseMs: number;
}

/** A worker stood still for longer than its lease. */
export interface Freeze {
  readonly worker: string;
  /** Read before it was stopped. */
  readonly from: number;
  /** Read after it was told to go on. */
  readonly to: number;
}

/** Numbers of tasks. */
export interface Places {
  readonly queued: number;
  /** Dead letters. */
  readonly dead: number;
  /** In the archive as completed, */
  readonly completed: number;
  /** and as failed. */
  readonly failed: number;
}

/** All that is known. */
export interface Evidence {
  readonly rules: Rules;
  readonly tasks: readonly Task[];
  readonly runs: readonly Run[];
  /** When workers were killed: read before the kill, after which they may have run on a little. */
  readonly deaths: ReadonlyMap<string, number>;
  readonly freezes: readonly Freeze[];
  readonly samples: readonly Sample[];
  /** How many tasks are where at the end. */
  readonly places: Places;
  /** Workers that ended by themselves or not when told to, and other accidents. */
  readonly faults: readonly string[];
}

/** What it takes to know when runs were over. */
export type Ends = Pick<Evidence, "deaths" | "rules">;

/**
 * When a run was over: by its own word, else never. That of a killed worker keeps others out for as
 * long as its lease lasts, of which a living worker has never less than a third left: by then its
 * process is surely dead, and nobody else may have begun.
 */
export function until({ worker, end = Infinity }: Run, { deaths, rules }: Ends): number {
  return Math.min(end, (deaths.get(worker) ?? Infinity) + rules.leaseMs / 3);
}
