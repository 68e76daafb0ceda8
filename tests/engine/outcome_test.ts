import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createQueue, type Handler, processor, type TaskContext, Worker } from "../../mod.ts";
import type { Outcome } from "../../src/core/verdict.ts";
import { Attempt } from "../../src/engine/attempt.ts";
import type { Held } from "../../src/engine/lease.ts";
import type { Runnable } from "../../src/processor.ts";
import { fileDatabase } from "../_support/file_database.ts";

const database = fileDatabase();

const boom = new Error("boom");
const reason = new Error("aborted");

/** An attempt that runs, and all the outcomes it has had: there has to be one, sooner or later. */
function begin(handler: Handler<unknown>) {
  const outcomes: Outcome[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const attempt = new Attempt(0, (outcome) => {
    outcomes.push(outcome);
    resolve();
  });
  const delivery = { id: 1, deliveries: 1, enqueuedAt: new Date(0), message: null, headers: {} };
  const rest = { attempt: 1, claimedAt: 0, leaseUntil: Infinity, settling: false };
  const runnable = processor(createQueue("any"), handler) as unknown as Runnable;
  attempt.run(runnable, { delivery, ...rest, superseded: false } as Held);
  assert.deepEqual(outcomes, [], "the outcome comes after the start");
  const end = async () => {
    await promise;
    await new Promise((resolve) => setImmediate(resolve));
    return outcomes;
  };
  return { attempt, end };
}

const returned = [{ kind: "returned" }];
const threw = (error: unknown) => [{ kind: "threw", error }];

/** Something that can be awaited, and is no promise. */
const thenable = (then: (...callbacks: ((value?: unknown) => void)[]) => unknown) => ({ then });

describe("the outcome of an attempt", () => {
  const handlers: [string, Handler<unknown>, object[]][] = [
    ["returns at once", () => {}, returned],
    ["returns something at once", () => ({ then: "no function" }), returned],
    ["throws at once", () => {
      throw boom;
    }, threw(boom)],
    ["throws nothing at once", () => {
      throw undefined;
    }, threw(undefined)],
    ["is async and throws", () => Promise.reject(boom), threw(boom)],
    ["returns a thenable that resolves", () => thenable((resolve) => resolve!(1)), returned],
    [
      "returns a thenable that resolves later",
      () => thenable((resolve) => setImmediate(resolve!)),
      returned,
    ],
    ["returns a thenable that rejects", () => thenable((_, reject) => reject!(boom)), threw(boom)],
    ["returns a thenable whose then throws", () =>
      thenable(() => {
        throw boom;
      }), threw(boom)],
    [
      "returns a thenable whose then resolves, rejects and throws",
      () =>
        thenable((resolve, reject) => {
          resolve!();
          reject!(boom);
          throw boom;
        }),
      returned,
    ],
    ["returns what has a then that can't be read", () => ({
      get then() {
        throw boom;
      },
    }), threw(boom)],
    [
      "returns a thenable that resolves to one that rejects",
      () => thenable((resolve) => resolve!(thenable((_, reject) => reject!(boom)))),
      threw(boom),
    ],
  ];
  for (const [what, handler, expected] of handlers) {
    it(`is that of a handler that ${what}`, async () => {
      assert.deepEqual(await begin(handler).end(), expected);
    });
  }

  it("is one, where the handler ends and is aborted at the same time: what came first", async () => {
    const first = Promise.withResolvers<void>();
    const ended = begin(() => first.promise);
    first.resolve();
    ended.attempt.abort(reason);
    assert.deepEqual(await ended.end(), returned);

    const second = Promise.withResolvers<void>();
    const aborted = begin(() => second.promise);
    aborted.attempt.abort(reason);
    second.resolve();
    assert.deepEqual(await aborted.end(), threw(reason));

    const instant = begin(() => {});
    instant.attempt.abort(reason);
    assert.deepEqual(await instant.end(), returned);

    const failed = begin(() => {
      throw boom;
    });
    failed.attempt.abort(reason);
    assert.deepEqual(await failed.end(), threw(boom));
  });

  it("is the abort, whatever the handler makes of its signal", async () => {
    const answers: ((resolve: () => void, reject: (error: Error) => void) => void)[] = [
      (resolve) => resolve(),
      (_, reject) => reject(boom),
    ];
    for (const answer of answers) {
      const { attempt, end } = begin((_, { signal }) => {
        return new Promise<void>((resolve, reject) => {
          signal.addEventListener("abort", () => answer(resolve, reject));
        });
      });
      attempt.abort(reason);
      assert.deepEqual(await end(), threw(reason));
    }
  });

  it("is the first abort of several, and an abort after the end changes nothing", async () => {
    const twice = begin(() => new Promise(() => {}));
    twice.attempt.abort(reason);
    twice.attempt.abort(boom);
    assert.deepEqual(await twice.end(), threw(reason));
    const over = begin(() => {});
    await over.end();
    over.attempt.abort(boom);
    assert.deepEqual(await over.end(), returned);
  });

  it("doesn't keep a handler from hearing of an abort that came before it asked", async () => {
    let context: TaskContext | undefined;
    const { attempt, end } = begin((_, given) => {
      context = given;
      return new Promise(() => {});
    });
    attempt.abort(reason);
    await end();
    assert.deepEqual([context!.signal.aborted, context!.signal.reason], [true, reason]);
    assert.equal(context!.signal, context!.signal);
  });

  it("waits for a query of the driver, which runs only once it is awaited", async () => {
    const { sql } = database;
    await sql`create table ran (id bigint)`;
    const queue = await database.newQueue();
    await queue.enqueueMany(Array(3).fill({}));
    const onTask = processor(queue, (_, { id }) => {
      return id === 2
        ? sql`insert into nowhere values (${id})`
        : sql`insert into ran values (${id})`;
    });
    const result = await new Worker({ processors: [onTask] }).drain();
    assert.deepEqual(result, { completed: 2, retried: 0, dead: 1 });
    const ran = await sql<{ id: string }[]>`select id from ran order by id`;
    assert.deepEqual(ran.map(({ id }) => id), ["1", "3"]);
  });
});
