import assert from "node:assert/strict";
import { after as afterAll, afterEach, before, beforeEach, describe, it } from "node:test";
import { Turns } from "../../src/db/turns.ts";
import { type Backend, backends, openBackend } from "../_support/backend.ts";
import { blocked } from "../_support/blocked.ts";
import { grouped, limited, type StrictQueue, strictQueue } from "../_support/strict_queue.ts";

for (const kind of backends) {
  describe(`claims that take turns on pgmq: ${kind}`, () => {
    let backend: Backend;
    let queue: StrictQueue;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      queue = await strictQueue(backend);
    });
    afterEach(() => queue[Symbol.asyncDispose]());
    afterAll(() => backend?.[Symbol.asyncDispose]());

    const deliveriesOf = async () => (await queue.rows()).map(({ read_ct }) => read_ct);
    /** Has the turn while `use` runs, as another worker that is claiming would. */
    const duringTurn = (use: () => Promise<unknown>) =>
      backend.sql.begin(async (tx) => {
        const { queue: table } = queue.made.site.tables;
        await tx`select pg_advisory_xact_lock(hashtextextended(${`pgtq claim ${table}`}, 0))`;
        await use();
      });
    const terminateWaiting = () =>
      backend.sql`
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
    /** Claims by so many workers at once, each of which has its own connection for it. */
    const claimAtOnce = async (workers: number, claiming: Parameters<StrictQueue["claim"]>[0]) => {
      await using stack = new AsyncDisposableStack();
      const turns = Array.from({ length: 4 }, () => stack.use(new Turns(backend.sql)));
      return await Promise.all(Array.from({ length: workers }, async (_, i) => {
        return await queue.claim({ ...claiming, turns: turns[i % turns.length]! });
      }));
    };

    it("never overlap: no group is claimed twice", async () => {
      const groups = Array.from({ length: 30 }, (_, i) => `group ${i % 10}`);
      await queue.send(...groups);
      for (let left = 30; left > 0; left -= 10) {
        const claims = await claimAtOnce(20, { ...grouped, limit: 3 });
        const deliveries = claims.flatMap(({ deliveries }) => deliveries);
        const taken = deliveries.map(({ headers }) => headers["x-pgmq-group"]);
        assert.deepEqual(taken.sort(), groups.slice(0, 10));
        assert.equal((await queue.complete(deliveries)).size, 10);
      }
    });

    it("never overlap: a limit is kept and used up", async () => {
      await queue.send(...Array(40));
      for (let left = 40; left > 0; left -= 8) {
        const claims = await claimAtOnce(20, { ...limited(8), limit: 3 });
        const deliveries = claims.flatMap(({ deliveries }) => deliveries);
        assert.equal(deliveries.length, 8);
        assert.equal((await queue.complete(deliveries)).size, 8);
      }
    });

    it("see what the one before has done, though it was not done when they were sent", async () => {
      await queue.send("a", "a");
      let claims: Promise<number[]>[] = [];
      await using other = new Turns(backend.sql);
      await duringTurn(async () => {
        claims = [queue.take(grouped), queue.take({ ...grouped, turns: other })];
        await blocked(backend.sql, 2);
      });
      assert.deepEqual((await Promise.all(claims)).flat(), [1]);
    });

    it("are as exact where the database's transactions are repeatable by default", async () => {
      const { pathname } = new URL(backend.url);
      const setting = `alter database ${pathname.slice(1)} set default_transaction_isolation`;
      await backend.sql.unsafe(`${setting} = 'repeatable read'`);
      try {
        await using first = new Turns(backend.sql);
        await using second = new Turns(backend.sql);
        await queue.send(...Array(3));
        await queue.take({ ...limited(2), turns: first, limit: 1 });
        let claims: Promise<number[]>[] = [];
        await duringTurn(async () => {
          claims = [first, second].map((turns) => queue.take({ ...limited(2), turns }));
          await blocked(backend.sql, 2);
        });
        assert.deepEqual((await Promise.all(claims)).flat(), [2]);
      } finally {
        await backend.sql.unsafe(`${setting} = default`);
      }
    });

    it("take nothing without a turn", async () => {
      await queue.send("a", "b");
      const unfair = new class extends Turns {
        override query<Row extends object>(
          _: unknown,
          text: string,
          parameters: readonly (string | number | null)[],
        ): Promise<Row[]> {
          return Promise.resolve(backend.sql.unsafe<Row[]>(text, [...parameters]));
        }
      }(backend.sql);
      for (const claiming of [grouped, limited(9), {}]) {
        const { deliveries, more, unfinished } = await queue.claim({ ...claiming, turns: unfair });
        assert.deepEqual([deliveries, more, unfinished], [[], false, false]);
      }
      assert.deepEqual(await deliveriesOf(), [0, 0]);
    });

    it("take nothing after a connection that breaks while they wait, and go on with the next", async () => {
      await queue.send(...Array(3));
      await using turns = new Turns(backend.sql);
      await duringTurn(async () => {
        const failing = assert.rejects(queue.claim({ ...limited(1), turns }));
        await blocked(backend.sql);
        await terminateWaiting();
        await failing;
      });
      // The driver may tell of the end of the connection once more.
      const again = () => queue.take({ ...limited(1), turns });
      assert.deepEqual(await again().catch(again), [1]);
      assert.deepEqual(await deliveriesOf(), [1, 0, 0]);
    });

    it("end on the server when they wait for too long, and go on with the next", async () => {
      await queue.send(...Array(2));
      await duringTurn(() =>
        assert.rejects(queue.claim({ ...limited(1), timeoutMs: 20.5 }), { code: "TOO_SLOW" })
      );
      assert.deepEqual(await deliveriesOf(), [0, 0]);
      assert.deepEqual(await queue.take(limited(1)), [1]);
      assert.deepEqual(await deliveriesOf(), [1, 0]);
    });

    it("end on the server also where a worker falls silent, each with a bound of its own", async () => {
      await using turns = new Turns(backend.sql);
      const settings = ["statement_timeout", "idle_in_transaction_session_timeout"];
      const text = `select ${settings.map((name) => `current_setting('${name}') as ${name}`)}`;
      for (const timeoutMs of [50, 70]) {
        const [row] = await turns.query({ lock: "any", timeoutMs }, text, [], "Cannot look");
        assert.deepEqual(Object.values(row!), [`${timeoutMs}ms`, `${timeoutMs}ms`]);
      }
    });

    it("don't wait for those of other queues", async () => {
      await using other = await strictQueue(backend);
      await other.send("a");
      await duringTurn(async () => assert.deepEqual(await other.take(grouped), [1]));
    });

    it("can be given up while they wait; the next one goes on another connection", async () => {
      await queue.send(...Array(2));
      await using turns = new Turns(backend.sql);
      const session = async () => {
        const turn = { lock: "any", timeoutMs: 30_000 };
        const text = "select pg_backend_pid() as pid";
        return (await turns.query<{ pid: number }>(turn, text, [], "Cannot look"))[0]!.pid;
      };
      const before = await session();
      await duringTurn(async () => {
        const failing = assert.rejects(queue.claim({ ...limited(1), turns }));
        await blocked(backend.sql);
        turns.reset();
        await failing;
        assert.notEqual(await session(), before);
        // The server finds out only once it has an answer to give.
        await terminateWaiting();
      });
      assert.deepEqual(await queue.take({ ...limited(1), turns }), [1]);
    });
  });
}
