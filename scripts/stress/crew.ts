/**
 * The worker processes of a stress run: started, killed and replaced, frozen, stopped.
 *
 * @module
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Sql } from "../../src/db/connection.ts";
import { runScript } from "../../tests/_support/runtime.ts";
import { clock } from "./database.ts";
import type { Freeze } from "./evidence.ts";
import { pick, type Random } from "./random.ts";
import type { Order } from "./worker.ts";

const script = fileURLToPath(new URL("worker.ts", import.meta.url));

/** How long a worker gets to stop. */
const stopMs = 30_000;

interface Member {
  readonly name: string;
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  /** It has run a handler. */
  ready: boolean;
  /** Its end is our doing. */
  expected: boolean;
  /** How often it was frozen. */
  frozen: number;
  asleep: boolean;
}

/** What every worker is told. */
type Orders = Omit<Order, "worker">;

/** The workers. */
export class Crew {
  readonly deaths = new Map<string, number>();
  readonly freezes: Freeze[] = [];
  readonly faults: string[] = [];
  /** What went wrong in workers that went on. */
  readonly errors: string[] = [];
  readonly #sql: Sql;
  readonly #orders: Orders;
  readonly #random: Random;
  readonly #members = new Set<Member>();
  readonly #busy = new Set<Promise<void>>();
  #count = 0;

  /** `sql`: for reading the clock, and nothing else, lest a kill waits. */
  constructor(sql: Sql, orders: Orders, random: Random) {
    this.#sql = sql;
    this.#orders = orders;
    this.#random = random;
  }

  /** Starts another worker. */
  start(): void {
    const order: Order = { ...this.#orders, worker: `w${++this.#count}` };
    const [command, parameters] = runScript(script, JSON.stringify(order));
    const child = spawn(command, parameters, { stdio: ["pipe", "pipe", "inherit"] });
    const exited = once(child, "exit");
    const member: Member = {
      name: order.worker,
      child,
      exited,
      ready: false,
      expected: false,
      frozen: 0,
      asleep: false,
    };
    this.#members.add(member);
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (line === "ready") member.ready = true;
      else this.errors.push(`${member.name}: ${line}`);
    });
    void exited.then(([code, signal]) => {
      this.#members.delete(member);
      if (!member.expected) this.faults.push(`${member.name} ended by itself: ${code ?? signal}`);
    });
  }

  /**
   * Kills a worker that is at work, and starts another one; `false` if none is at work. Those that
   * have been frozen are left alone: a kill could come before they have found out what they lost.
   */
  kill(): boolean {
    const victim = this.#choose(({ frozen }) => frozen === 0);
    if (victim) this.#track(this.#kill(victim).then(() => this.start()));
    return victim !== undefined;
  }

  /**
   * Stops a worker that is at work for longer than its lease; `false` if none is at work. Not more
   * than half of the workers, lest none is left for kills.
   */
  freeze(): boolean {
    const before = [...this.#members].filter(({ frozen }) => frozen > 0);
    const again = before.length >= this.#members.size / 2;
    const victim = this.#choose(({ frozen, asleep }) => !asleep && frozen > 0 === again);
    if (victim) this.#track(this.#freeze(victim));
    return victim !== undefined;
  }

  /** Tells all workers to stop, and waits for that. */
  async stop(): Promise<void> {
    await Promise.all(this.#busy);
    const members = [...this.#members];
    for (const member of members) {
      member.expected = true;
      this.#signal(member, "SIGTERM");
    }
    await Promise.all(members.map((member) => this.#stopped(member)));
  }

  /** Kills all workers at once: the end of a run that is broken off. */
  abandon(): void {
    for (const member of this.#members) this.#signal(member, "SIGKILL");
  }

  #choose(suits: (member: Member) => boolean): Member | undefined {
    const members = [...this.#members].filter(({ ready, expected }) => ready && !expected);
    return pick(members.filter(suits), this.#random);
  }

  async #kill(member: Member): Promise<void> {
    member.expected = true;
    this.deaths.set(member.name, await clock(this.#sql));
    this.#signal(member, "SIGKILL");
    await member.exited;
  }

  async #freeze(member: Member): Promise<void> {
    member.frozen++;
    member.asleep = true;
    const from = await clock(this.#sql);
    this.#signal(member, "SIGSTOP");
    using timer = sleep((1.2 + this.#random()) * this.#orders.rules.leaseMs);
    await timer.done;
    this.#signal(member, "SIGCONT");
    this.freezes.push({ worker: member.name, from, to: await clock(this.#sql) });
    member.asleep = false;
  }

  async #stopped(member: Member): Promise<void> {
    using timer = sleep(stopMs);
    if (await Promise.race([timer.done, member.exited]) !== undefined) return;
    this.faults.push(`${member.name} did not stop within ${stopMs / 1000} s`);
    await this.#kill(member);
  }

  /** Only to those whose end we have not heard of: a process id may be somebody else's by then. */
  #signal(member: Member, signal: NodeJS.Signals): void {
    if (this.#members.has(member)) process.kill(member.child.pid!, signal);
  }

  #track(work: Promise<void>): void {
    this.#busy.add(work);
    void work.finally(() => this.#busy.delete(work));
  }
}

interface Sleep extends Disposable {
  readonly done: Promise<undefined>;
}

function sleep(ms: number): Sleep {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ms);
  return { done: promise, [Symbol.dispose]: () => clearTimeout(timer) };
}
