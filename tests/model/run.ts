/**
 * One run: operations one after the other or at once, and after each a look at the tables, which
 * have to be as the model says.
 *
 * @module
 */

import type { Queryable } from "../../src/db/connection.ts";
import type { Rules } from "../../src/db/flights.ts";
import { eligible, sound, type Times } from "./claims.ts";
import { type Held, runsAsCounted } from "./crews.ts";
import { explained } from "./explained.ts";
import { ends, meet, meets, type Met } from "./notes.ts";
import type { Tally } from "./situations.ts";
import { expired, holds, later, type State, text, Violation } from "./state.ts";
import { type Operation, perform, type Step } from "./steps.ts";
import type { Seats, World } from "./world.ts";

type Transaction = Queryable & { release(): void };

/** A transaction that has done something and goes on. */
interface Open {
  readonly sql: Transaction;
  readonly step: Step;
  readonly operation: Operation;
  /** The task that it has settled. */
  readonly locked: number | undefined;
}

/** A queue's life, from empty on. */
export class Run {
  readonly #world: World;
  readonly #tally: Tally;
  readonly #trace: string[] = [];
  readonly #transactions = new Set<Transaction>();
  #times: Times = new Map();
  /** What the model says. */
  state: State = [];
  /** All deliveries there were. */
  receipts: Held[] = [];
  readonly open: Open[] = [];

  private constructor(world: World, tally: Tally) {
    this.#world = world;
    this.#tally = tally;
  }

  /** Starts with an empty queue. */
  static async start(world: World, rules: Rules, seats: Seats, tally: Tally): Promise<Run> {
    await world.reset(rules, seats);
    return new Run(world, tally);
  }

  /** The rules of all workers. */
  get rules(): Rules {
    return this.#world.rules;
  }

  /** Receipts of tasks that workers hold and nobody is settling. */
  get held(): Held[] {
    const locked = this.#locked;
    return this.receipts.filter((receipt) => holds(this.state, receipt) && !locked.has(receipt.id));
  }

  /** Receipts of deliveries that are over, and of some that never were. */
  get stale(): Held[] {
    const never = this.held.map((held) => ({ ...held, deliveries: held.deliveries + 1 }));
    return [...this.receipts, ...never].filter((receipt) => !holds(this.state, receipt));
  }

  /** Does one thing. */
  async do(operation: Operation): Promise<void> {
    const round = operation.kind === "claim" && this.#world.workers[operation.worker]!.round;
    meets(this.#tally, this.#met, operation, round ? round.place : undefined);
    const circumstances = { times: this.#times, locked: this.#locked };
    const steps = await this.#works(perform(this.#world, operation, circumstances));
    if (steps.length > 1) meets(this.#tally, this.#met, { kind: "reap" });
    await this.#judge(steps);
  }

  /** Does things at the same time: there must be an order that explains what came of it. */
  async doAtOnce(operations: readonly Operation[]): Promise<void> {
    const circumstances = { locked: undefined, touched: this.#touched(operations) };
    const doing = operations.map((one) => perform(this.#world, one, circumstances));
    await Promise.allSettled(doing); // even after a failure, nothing must go on
    const threads = await this.#works(Promise.all(doing));
    this.#trace.push(
      "at once:",
      ...threads.map((steps) => `  ${steps.map(didOf).join(", then ")}`),
    );
    meet(this.#tally, this.#met, operations, threads.flat());
    const seen = await this.#look();
    const reasons = new Set<string>();
    if (!explained(this.state, threads, seen, reasons)) {
      throw this.#violation(`no order explains it: ${[...reasons].join("; ")}`, this.state, seen);
    }
    this.state = seen;
    this.#receive(threads.flat());
    for (const { worker } of threads.flat().flatMap(({ claimed = [] }) => claimed)) {
      this.#world.workers[worker]!.fairness.forget();
    }
  }

  /** Begins a transaction that does one thing. */
  async begin(operation: Operation): Promise<void> {
    const sql = await this.#world.sql.reserve();
    this.#transactions.add(sql);
    await sql.unsafe("begin");
    const { site, letters, rules, workers } = this.#world;
    const where = { site: { ...site, sql }, letters, rules, workers };
    const circumstances = { locked: this.#locked };
    const [step] = await this.#works(perform(where, operation, circumstances));
    const locked = operation.kind === "settle" ? operation.receipt.id : undefined;
    this.open.push({ sql, step: step!, operation, locked });
    this.#trace.push(`begin: ${step!.did}`);
    await this.#compare(this.state);
  }

  /** Ends a transaction. */
  async end(nth: number, how: "commit" | "rollback"): Promise<void> {
    const [{ sql, step, operation }] = this.open.splice(nth, 1) as [Open];
    ends(this.#tally, this.#met, operation, step, how);
    await this.#works(this.#close(sql, how));
    if (how === "commit") await this.#judge([{ ...step, did: `commit: ${step.did}` }]);
    else await this.#judge([{ did: `rollback: ${step.did}`, after: (before) => [before] }]);
  }

  /** Has hours go by. */
  async pass(hours: number): Promise<void> {
    await this.#world.pass(hours);
    this.#trace.push(`${hours} h pass`);
    this.state = later(this.state, hours);
    await this.#compare(this.state);
  }

  /** A worker is gone, with all it knew; another one takes its place. */
  crash(worker: number): void {
    this.#world.restart(worker);
    this.#trace.push(`worker ${worker} crashes`);
  }

  /** Leaves nothing open. */
  async finish(): Promise<void> {
    for (const sql of this.#transactions) await this.#close(sql, "rollback");
  }

  async #close(sql: Transaction, how: "commit" | "rollback"): Promise<void> {
    this.#transactions.delete(sql);
    await sql.unsafe(how);
    sql.release();
  }

  async #works<Result>(doing: Promise<Result>): Promise<Result> {
    try {
      return await doing;
    } catch (error) {
      throw this.#violation(String(error), this.state, this.state);
    }
  }

  get #met(): Met {
    const { rules, workers } = this.#world;
    const crews = workers.map(({ crew }) => rules.limit === undefined ? undefined : crew);
    return { state: this.state, rules, crews, locked: this.#locked };
  }

  /** Rows that one of these locks, if only to see that it holds them no more. */
  #touched(operations: readonly Operation[]): Set<number> {
    const lapsed = this.state.filter(expired);
    return new Set(
      operations.flatMap((one) => {
        if (one.kind === "settle") return [one.receipt];
        if (one.kind === "renew") return one.receipts;
        return one.kind === "reap" || one.kind === "claim" ? lapsed : [];
      }).map(({ id }) => id),
    );
  }

  get #locked(): Set<number> {
    return new Set(this.open.flatMap(({ locked }) => locked ?? []));
  }

  async #judge(steps: readonly Step[]): Promise<void> {
    this.#trace.push(...steps.map(didOf));
    const seen = await this.#look();
    for (const step of steps) {
      try {
        this.#fair(step);
        this.state = step.after(this.state, seen)[0]!;
      } catch (error) {
        throw error instanceof Violation ? this.#violation(error.message, this.state, seen) : error;
      }
    }
    this.#receive(steps);
    await this.#compare(this.state, seen);
  }

  #fair({ claimed }: Step): void {
    if (!claimed || !this.rules.grouped) return;
    const taken = new Set(claimed.receipts.map(({ id }) => id));
    this.#world.workers[claimed.worker]!.fairness.claim(eligible(this.state, this.rules), taken);
  }

  #receive(steps: readonly Step[]): void {
    for (const { receipts, ...whose } of steps.flatMap(({ claimed = [] }) => claimed)) {
      this.receipts.push(...receipts.map((receipt) => ({ ...receipt, ...whose })));
    }
    this.#sound(this.state, () => runsAsCounted(this.state, this.receipts, this.rules));
  }

  async #look(): Promise<State> {
    const { state, times } = await this.#world.look();
    this.#times = times;
    this.#sound(state, () => sound(state, this.rules));
    return state;
  }

  #sound(found: State, check: () => void): void {
    try {
      check();
    } catch (error) {
      throw this.#violation((error as Violation).message, this.state, found);
    }
  }

  async #compare(expected: State, found?: State): Promise<void> {
    found ??= await this.#look();
    if (text(expected) === text(found)) return;
    throw this.#violation("the tables are not as they should be", expected, found);
  }

  #violation(what: string, model: State, found: State): Violation {
    const { grouped, lifo, limit } = this.rules;
    const seats = this.#world.seats.map((seats) => seats ?? "any").join(", ");
    const rules = `grouped: ${grouped}, lifo: ${lifo}, limit: ${limit}, seats: ${seats}`;
    const trace = this.#trace.map((line) => `  ${line}`).join("\n");
    return new Violation(
      `${what}\n\nWith ${rules}:\n${trace}\n\nThe model:\n${text(model)}\n\nThe tables:\n${
        text(found)
      }\n`,
    );
  }
}

function didOf({ did }: Step): string {
  return did;
}
