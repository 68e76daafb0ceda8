import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import postgres from "postgres";
import type { Delivery } from "../../src/core/task.ts";
import { claim } from "../../src/db/claim.ts";
import type { Sql } from "../../src/db/connection.ts";
import { bury } from "../../src/db/dead.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { type Crew, reap, type Rules } from "../../src/db/flights.ts";
import { complete, extend, putBack } from "../../src/db/settle.ts";
import type { Site } from "../../src/db/site.ts";
import { claimStrictly } from "../../src/db/strict.ts";
import { Turns } from "../../src/db/turns.ts";
import { type Backend, type Made, openBackend } from "../_support/backend.ts";

/** How many tasks each run of a statement is about: Postgres may like one size better than any. */
const series = {
  "one": Array<number>(12).fill(1),
  "a hundred": Array<number>(12).fill(100),
  "1, 10 or 100": [1, 10, 100, 1, 10, 100, 1, 10, 100, 1, 10, 100],
};

/** Postgres plans the first five runs for their parameters before it thinks of one plan for all. */
const trials = 5;

interface Prepared {
  readonly statement: string;
  readonly generic: number;
  readonly custom: number;
}

const prepared = `
  select statement, generic_plans::int as generic, custom_plans::int as custom
  from pg_prepared_statements where generic_plans + custom_plans >= 12`;

const lease = 60_000;
const now = { delayMs: 0, at: null };
const limits = { grouped: false, lifo: false, limit: 1000 };
const groups = { grouped: true, lifo: false, limit: undefined };

for (const [size, sizes] of Object.entries(series)) {
  describe(`a statement that is run again and again is planned once, with tasks: ${size}`, () => {
    let backend: Backend;
    let made: Made;

    /** A queue so long that a plan for a tenth of it is not for a few, and what Postgres knows of it. */
    before(async () => {
      backend = await openBackend("ours");
      made = await backend.make();
      const { queue } = made.site.tables;
      await backend.sql.unsafe(`
      insert into ${queue} (vt, message, headers)
      select now(), '{}', jsonb_build_object('x-pgmq-group', 'group ' || n % 500)
      from generate_series(1, 40000) n;
      analyze ${queue}`);
    });
    after(() => backend?.[Symbol.asyncDispose]());

    /** Runs `use` once per size on a site with one connection, and looks at how it was planned. */
    async function planned(use: (site: Site, count: number) => Promise<unknown>) {
      await using sql = single(backend.url);
      for (const count of sizes) await use({ ...made.site, sql }, count);
      reused(await sql.unsafe<Prepared[]>(prepared).simple());
    }

    /** The same for a statement that has turns, and so another connection. */
    async function plannedInTurn(rules: Rules, crew?: Crew) {
      await using turns = new Turns(backend.sql);
      let round;
      for (const limit of sizes) {
        const options = { limit, leaseMs: lease, rules, crew, round };
        const claimed = await claimStrictly(made.site, turns, options);
        assert.equal(claimed.deliveries.length, limit);
        round = claimed.round;
        await complete(made.site, claimed.deliveries, true);
      }
      const turn = { lock: "plans", timeoutMs: lease };
      reused(await turns.query<Prepared>(turn, prepared, [], "Cannot test"));
    }

    function reused(statements: readonly Prepared[]) {
      assert.ok(statements.length > 0, "none was prepared");
      for (const { statement, generic, custom } of statements) {
        const plans = `${generic} generic and ${custom} custom plans of ${statement}`;
        assert.ok(generic > 0 && custom <= trials, plans);
      }
    }

    const taken = async (site: Site, limit: number): Promise<Delivery[]> => {
      const { deliveries } = await claim({ ...site, sql: backend.sql }, { limit, leaseMs: lease });
      assert.equal(deliveries.length, limit);
      return deliveries;
    };

    it("a claim in groups", () => plannedInTurn(groups));
    it("a claim under a limit", () => plannedInTurn(limits));
    it("a claim under a limit, ahead of time", () => {
      return plannedInTurn({ ...limits, limit: 5 }, { worker: "ada", seats: 5 });
    });
    it("a claim in groups and under a limit", () => plannedInTurn({ ...groups, limit: 1000 }));

    for (const lifo of [false, true]) {
      it(`claim, lifo: ${lifo}, from the start and where the last one ended`, async () => {
        await planned(async (site, limit) => {
          const { last } = await claim(site, { limit, leaseMs: lease, lifo });
          await claim(site, { limit, leaseMs: lease, lifo, since: last });
        });
      });
    }

    for (const archive of [true, false]) {
      for (const wake of [true, false]) {
        it(`complete, archive: ${archive}, wake: ${wake}`, async () => {
          await planned(async (site, count) => {
            const tasks = await taken(site, count);
            assert.equal((await complete(site, tasks, archive, { wake })).size, count);
          });
        });
      }
    }

    it("extend", async () => {
      await planned(async (site, count) => {
        assert.equal((await extend(site, await taken(site, count), lease)).extended.size, count);
      });
    });

    it("putBack", async () => {
      await planned(async (site, count) => {
        const back = (await taken(site, count)).map((task) => ({
          ...task,
          delayMs: 0,
          error: "one",
        }));
        assert.equal((await putBack(site, back, { wake: false })).size, count);
      });
    });

    it("bury", async () => {
      const letters = made.letters.tables;
      await planned(async (site, count) => {
        const failed = (await taken(site, count)).map((task) => ({ ...task, error: "one" }));
        assert.equal((await bury(site, failed, { letters, archive: true })).size, count);
      });
    });

    it("enqueue", async () => {
      await planned(async ({ sql, tables }, count) => {
        const tasks = Array(count).fill({ message: '{"n":1}', headers: '{"x-pgmq-group":"a"}' });
        assert.equal((await enqueue(sql, tables, tasks, now)).length, count);
      });
    });

    it("reap", async () => {
      await planned(async (site, count) => {
        await backend.sql.unsafe(`
        update ${site.tables.queue} set vt = now(), headers = '{"x-pgtq-status": "processing"}'
        where msg_id between 40001 - ${count} and 40000`);
        assert.equal(await reap(site), count);
      });
    });
  });
}

function single(url: string): Sql & AsyncDisposable {
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} }) as Sql;
  return Object.assign(sql, { [Symbol.asyncDispose]: () => sql.end({ timeout: 1 }) });
}
