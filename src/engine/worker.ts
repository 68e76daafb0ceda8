/**
 * Workers: they run processors on the tasks of their queues.
 *
 * @module
 */

import { milliseconds } from "../core/duration.ts";
import {
  openForWorker,
  type Queryable,
  type Sql,
  type WorkerConnections,
} from "../db/connection.ts";
import { type Site, siteOf } from "../db/site.ts";
import type { Queue } from "../queue.ts";
import { aborted, after, atMost, now } from "./clock.ts";
import { withDeadline } from "./deadline.ts";
import { Emitter, type Listener, type WorkerEvents } from "./events.ts";
import { tidy } from "./janitor.ts";
import { Lane } from "./lane.ts";
import { listenFor } from "./listen.ts";
import { transition, type WorkerState } from "./lifecycle.ts";
import { logEvents, warnOfScans } from "./log.ts";
import { Slots } from "./slots.ts";
import { Wakeup } from "./wakeup.ts";
import {
  type DrainOptions,
  type DrainResult,
  parseWorkerOptions,
  type WorkerDefinition,
  type WorkerOptions,
} from "./worker_options.ts";

/** How long a stop waits for the database to take the last results. */
const flushMs = 5000;

/**
 * Runs processors: claims tasks, calls handlers, settles the results.
 *
 * Any number of workers, in any number of processes, share the work; Postgres is the only thing
 * they have in common.
 *
 * @example Run until there is nothing left to do
 * ```ts
 * import { createQueue, install, processor, Worker } from "@pgtq/pgtq";
 *
 * const numbers = createQueue<number>("example_numbers");
 * await install();
 * await numbers.create();
 * await numbers.enqueueMany([1, 2, 3]);
 *
 * const onNumber = processor(numbers, (n) => console.log(n));
 * await using worker = new Worker({ processors: [onNumber], concurrencyLimit: 10 });
 * const { completed } = await worker.drain();
 * console.assert(completed >= 3);
 * ```
 */
export class Worker implements AsyncDisposable {
  readonly #definition: WorkerDefinition;
  readonly #events = new Emitter();
  readonly #claiming = new AbortController();
  readonly #working = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  #state: WorkerState = "new";
  #lanes: readonly Lane[] = [];
  readonly #changed = new Wakeup();
  #aborted = false;

  /**
   * Creates a worker; nothing runs yet.
   *
   * @throws {TypeError} if an option is wrong, or two processors have one queue
   */
  constructor(options: WorkerOptions) {
    this.#definition = parseWorkerOptions(options);
    logEvents(this.#events);
  }

  /** Where the worker is in its life. */
  get state(): WorkerState {
    return this.#state;
  }

  /** Calls `listener` on every event of this name; the function returned ends that. */
  on<Name extends keyof WorkerEvents>(name: Name, listener: Listener<Name>): () => void {
    return this.#events.on(name, listener);
  }

  /**
   * Processes tasks until the worker is stopped by {@linkcode stop} or the signal.
   *
   * Errors of the database after the start are no reason to end: the worker reports them as events,
   * pauses, connects again and goes on.
   *
   * @throws {PgtqError} `NO_DATABASE`, `MISSING_PGMQ` or `MISSING_QUEUE` if it can't start
   * @throws {PgtqError} `WORKER_STATE` if it has been started before
   */
  async run({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#run({ signal, budget: Infinity, listen: true });
  }

  /**
   * Processes what is due now, within bounds, and stops: for cron jobs, edge functions and tests.
   *
   * Tasks that become due later, such as retries with a delay, are left for the next run.
   *
   * @throws {PgtqError} as {@linkcode run}
   * @throws {TypeError} if a bound is wrong
   */
  async drain({ maxTasks = Infinity, maxDuration }: DrainOptions = {}): Promise<DrainResult> {
    if (maxTasks !== Infinity && !(Number.isSafeInteger(maxTasks) && maxTasks >= 1)) {
      throw new TypeError(`maxTasks must be a whole number of at least 1: it is ${maxTasks}`);
    }
    const limit = maxDuration === undefined ? undefined : milliseconds(maxDuration, "maxDuration");
    using _ = limit === undefined ? undefined : after(limit, () => void this.stop());
    const count = { completed: 0, retried: 0, dead: 0 };
    for (const name of ["completed", "retried", "dead"] as const) {
      this.on(name, () => count[name]++);
    }
    this.on("idle", () => this.#stopIfDrained());
    await this.#run({ signal: undefined, budget: maxTasks, listen: false });
    return count;
  }

  /**
   * Stops claiming, lets running handlers finish, gives back what was not started, and resolves when
   * all that is written. Handlers that outlast the grace period are aborted. Idempotent.
   */
  async stop(): Promise<void> {
    if (this.#state === "new") this.#end();
    if (this.#state === "starting" || this.#state === "running") {
      this.#state = transition(this.#state, "stopping");
      this.#claiming.abort();
    }
    await this.#ended.promise;
  }

  /** Stops without a grace period: handlers are aborted now, and their tasks given back. */
  abort(): Promise<void> {
    const stopped = this.stop();
    this.#aborted = true;
    this.#changed.wake();
    this.#abort("the worker was told to abort");
    return stopped;
  }

  /** Stops the worker at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #run({ signal, budget, listen }: Run): Promise<void> {
    this.#state = transition(this.#state, "starting");
    const stop = () => void this.stop();
    if (signal?.aborted) stop();
    signal?.addEventListener("abort", stop);
    try {
      const connections = openForWorker();
      await this.#connected(connections, { signal, budget, listen }).finally(connections.close);
    } finally {
      signal?.removeEventListener("abort", stop);
      this.#end();
    }
  }

  async #connected({ sql, listens }: WorkerConnections, { budget, listen }: Run): Promise<void> {
    const { runnables, deadlineMs } = this.#definition;
    const impatient = withDeadline(sql, deadlineMs);
    const sites = await Promise.all(runnables.map(({ queue }) => visit(impatient, queue)));
    sites.forEach((site, i) => warnOfScans(site, runnables[i]!.definition.rules));
    await this.#work(sql, sites, budget, listen ? listens : null);
  }

  /** From the first claim to the last result. */
  async #work(sql: Sql, sites: readonly Site[], budget: number, listens: Sql | null) {
    const [claiming, working] = [this.#claiming.signal, this.#working.signal];
    const slots = new Slots(this.#definition.concurrencyLimit, budget, claiming);
    const host = { sql, slots, events: this.#events, claiming, working, changed: this.#changed };
    this.#lanes = this.#definition.runnables.map((runnable, i) => {
      return new Lane(runnable, sites[i]!, this.#definition, host);
    });
    if (this.#state === "starting") this.#state = transition(this.#state, "running");
    const loops = [...this.#lanes.map((lane) => lane.run()), this.#tidy(sql)];
    if (listens) loops.push(listenFor(this.#lanes, listens, host, this.#definition.pauseMs));
    await aborted(claiming);
    await this.#finish();
    this.#working.abort();
    await atMost(flushMs, Promise.all(loops)); // a database that is mute can't hold us up
  }

  /** Waits until nothing is held any more: first patiently, then with handlers aborted. */
  async #finish(): Promise<void> {
    const end = now() + this.#definition.graceMs;
    await this.#settled(() => this.#aborted ? 0 : end - now());
    this.#abort("the grace period of the worker's stop is over");
    const last = now() + flushMs;
    await this.#settled(() => last - now());
  }

  #abort(reason: string): void {
    for (const lane of this.#lanes) lane.abort(reason);
  }

  async #settled(leftMs: () => number): Promise<void> {
    const held = () => this.#lanes.some((lane) => lane.held > 0);
    while (held() && leftMs() > 0) await this.#changed.wait(leftMs());
  }

  async #tidy(sql: Sql): Promise<void> {
    const { pruneMs, pruneBatchSize: batchSize, pauseMs, runnables } = this.#definition;
    if (pruneMs === null) return;
    const queues = runnables.map(({ queue }) => queue.definition);
    const options = { intervalMs: pruneMs, batchSize, pauseMs, queues };
    await tidy(sql, options, this.#claiming.signal, this.#events);
  }

  /** Every lane must have looked in vain after the last result of any of them. */
  #stopIfDrained(): void {
    const last = Math.max(...this.#lanes.map((lane) => lane.settledAt));
    const unsure = this.#lanes.filter((lane) => !(lane.emptyAt >= last));
    for (const lane of unsure) lane.wake();
    if (unsure.length === 0) void this.stop();
  }

  #end(): void {
    this.#state = "stopped";
    this.#ended.resolve();
  }
}

/** What makes one kind of run differ from another. */
interface Run {
  readonly signal: AbortSignal | undefined;
  /** How many tasks may be claimed. */
  readonly budget: number;
  /** Whether to listen for notifications. */
  readonly listen: boolean;
}

/** Looks up a queue and its dead letter queue before anything is claimed. */
async function visit(sql: Queryable, { definition: { tables, letters } }: Queue): Promise<Site> {
  const doing = `Cannot run a worker on "${tables.name}"`;
  const site = await siteOf(sql, tables, doing);
  if (letters) await siteOf(sql, letters, doing, tables.name);
  return site;
}
