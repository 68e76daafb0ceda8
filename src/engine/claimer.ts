/**
 * Claims for one lane, by its own rules and those of the other workers of the queue.
 *
 * @module
 */

import { PgtqError } from "../core/errors.ts";
import { type Claim, claim } from "../db/claim.ts";
import { type Crew, reap, type Rules, rulesInForce } from "../db/flights.ts";
import type { Sql } from "../db/connection.ts";
import type { Site } from "../db/site.ts";
import type { Round } from "../db/round.ts";
import { claimStrictly, type StrictClaim } from "../db/strict.ts";
import { readable } from "../db/trouble.ts";
import { Turns } from "../db/turns.ts";
import { now } from "./clock.ts";
import { inTime } from "./deadline.ts";

/** So often a claim begins at the start again: for tasks that have become due with some delay. */
const sweepMs = 250;

/** What a claimer needs to know. */
export interface ClaimerOptions {
  readonly sql: Sql;
  readonly rules: Rules;
  /** How many tasks the worker runs at once. */
  readonly concurrencyLimit: number;
  readonly leaseMs: number;
  readonly pollMs: number;
  /** How long a claim may take. */
  readonly deadlineMs: number;
  /** Ends the claiming. */
  readonly claiming: AbortSignal;
  /** Called when other rules are kept to than before: something else may be claimed now. */
  readonly onChange: () => void;
  /** Told of workers that keep to other rules. */
  readonly onError: (error: unknown) => void;
}

/** Claims tasks of the queue at a site. */
export class Claimer implements AsyncDisposable {
  readonly #site: Site;
  readonly #turns: Turns;
  readonly #options: ClaimerOptions;
  readonly #crew: Crew;
  /** Our own rules, or the stricter ones of others that are at work. */
  #rules: Rules | undefined;
  #round: Round | undefined;
  /** Where the last claim without rules has ended, and when one began at the start. */
  #since: string | undefined;
  #sweptAt = -Infinity;
  #stirred = true;
  #exceeded = false;

  /** Prepares to claim; other workers' rules are asked for before the first claim. */
  constructor(site: Site, options: ClaimerOptions) {
    this.#site = site;
    this.#turns = new Turns(options.sql);
    this.#options = options;
    const seats = Math.min(options.concurrencyLimit, options.rules.limit ?? Infinity);
    this.#crew = { worker: crypto.randomUUID(), seats };
  }

  /** Whether order or number matter, so that what ends may let something else begin. */
  get strict(): boolean {
    const { grouped, limit } = this.#rules ?? this.#options.rules;
    return grouped || limit !== undefined;
  }

  /** There may be something new to claim anywhere. */
  stir(): void {
    this.#stirred = true;
  }

  /** Claims up to `limit` tasks. */
  async claim(limit: number): Promise<Claim> {
    if (!this.#rules) await this.#adopt();
    if (this.strict) return await this.#goRound(limit);
    return await this.#claimOn(limit);
  }

  /**
   * Goes on where the last claim has ended, as long as claims come back full: what has been claimed
   * from before that leaves the index only when no transaction can see it any more, and one that
   * stays open would make each claim longer than the last.
   */
  async #claimOn(limit: number): Promise<Claim> {
    const { leaseMs, rules: { lifo } } = this.#options;
    const at = now();
    const since = at - this.#sweptAt < sweepMs ? this.#since : undefined;
    if (since === undefined) this.#sweptAt = at;
    const claimed = await claim(this.#site, { limit, leaseMs, lifo, since });
    this.#since = claimed.more ? claimed.last : undefined;
    // What became due earlier than that, and was put in later, has not been asked for.
    return since === undefined ? claimed : { ...claimed, more: true };
  }

  /**
   * Goes on through the groups until there is something to claim, or all have been asked. Where it
   * looks just in case, it stops after a part: groups that wait for long don't keep it busy.
   */
  async #goRound(limit: number): Promise<Claim> {
    const { pollMs, claiming } = this.#options;
    const stirred = this.#stirred;
    this.#stirred = false;
    if (stirred && this.#round) this.#round = { ...this.#round, end: this.#round.place };
    let claimed = await this.#claimStrictly(limit);
    while (stirred && claimed.unfinished && !claimed.deliveries.length && !claiming.aborted) {
      claimed = await this.#claimStrictly(limit);
    }
    const { deliveries, more, nextDueMs = Infinity, unfinished, expired } = claimed;
    const done = deliveries.length === 0 && !unfinished;
    if (nextDueMs <= pollMs || !done && stirred) this.#stirred = true;
    const reaped = expired ? await reap(this.#site) : 0;
    return { ...claimed, more: more || reaped > 0 || unfinished && stirred };
  }

  async #claimStrictly(limit: number): Promise<StrictClaim> {
    const { leaseMs, deadlineMs, rules: own } = this.#options;
    const rules = this.#rules!;
    // The server gives up first: what it does for us after the deadline would be in nobody's hands.
    const claiming = claimStrictly(this.#site, this.#turns, {
      limit,
      leaseMs,
      rules,
      own,
      crew: rules.limit === undefined ? undefined : this.#crew,
      timeoutMs: deadlineMs / 2,
      round: this.#round,
    });
    const claimed = await inTime(deadlineMs, claiming, () => this.#turns.reset()).catch((error) => {
      this.#stirred = true;
      throw readable(error, `Cannot claim from "${this.#site.tables.name}"`, this.#site.sql);
    });
    this.#round = claimed.round;
    this.#compare(claimed.inFlight, own.limit);
    return claimed;
  }

  /**
   * One turn of upkeep, three times per lease: what others claim by, and what they have left behind.
   * Claims see that, too, but not those that find enough without.
   */
  async tend(): Promise<number> {
    if (this.#rules) await this.#adopt();
    if (this.strict) await reap(this.#site);
    return this.#options.leaseMs / 3;
  }

  /** Ends the connection for claims that take turns. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#turns[Symbol.asyncDispose]();
  }

  /** Takes over the rules of other workers where they are stricter, for as long as they are. */
  async #adopt(): Promise<void> {
    const { rules: own, onError } = this.#options;
    const theirs = this.#visible() ? await rulesInForce(this.#site) : own;
    const limit = Math.min(own.limit ?? Infinity, theirs.limit ?? Infinity);
    const rules = {
      grouped: own.grouped || theirs.grouped,
      lifo: own.lifo,
      limit: limit === Infinity ? undefined : limit,
    };
    const before = this.#rules ?? own;
    this.#rules = rules;
    if (rules.grouped === before.grouped && rules.limit === before.limit) return;
    this.#options.onChange();
    if (rules.grouped !== own.grouped || rules.limit !== own.limit) onError(this.#differ(rules));
  }

  /** Without the index the look at others would cost those who have no rules a whole scan. */
  #visible(): boolean {
    return this.#site.indexes.has("running");
  }

  #compare(inFlight: number, limit = Infinity): void {
    const exceeded = inFlight > limit;
    if (exceeded && !this.#exceeded) this.#options.onError(this.#tooMany(inFlight, limit));
    this.#exceeded = exceeded;
  }

  #differ({ grouped, limit }: Rules): PgtqError {
    const rules = [
      ...(grouped && !this.#options.rules.grouped ? ["grouped"] : []),
      ...(limit === undefined ? [] : [`a concurrencyLimit of ${limit}`]),
    ];
    return this.#error(
      `another worker runs it with ${rules.join(" and ")}, and this one keeps to it`,
    );
  }

  #tooMany(inFlight: number, limit: number): PgtqError {
    const own = `a concurrencyLimit of ${limit}`;
    return this.#error(`${inFlight} of its tasks are in flight where this worker has ${own}`);
  }

  #error(what: string): PgtqError {
    const advice = "give the processors of a queue the same options in all workers";
    const { name } = this.#site.tables;
    return new PgtqError("RULES_DIFFER", `The workers of "${name}" disagree: ${what}: ${advice}`);
  }
}
