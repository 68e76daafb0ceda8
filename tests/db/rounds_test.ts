import assert from "node:assert/strict";
import { after as afterAll, before, beforeEach, describe, it } from "node:test";
import { type Backend, openBackend } from "../_support/backend.ts";
import {
  after,
  grouped,
  groupedLifo,
  type StrictQueue,
  strictQueue,
} from "../_support/strict_queue.ts";

describe("the rounds of grouped claims", () => {
  let backend: Backend;
  let queue: StrictQueue;

  before(async () => {
    backend = await openBackend("ours");
  });
  beforeEach(async () => {
    await queue?.[Symbol.asyncDispose]();
    queue = await strictQueue(backend);
  });
  afterAll(async () => {
    await queue?.[Symbol.asyncDispose]();
    await backend?.[Symbol.asyncDispose]();
  });

  /** Puts in groups, named in order, whose heads are delayed. */
  const block = (groups: number) =>
    backend.sql.unsafe(`
      insert into ${queue.made.site.tables.queue} (vt, message, headers)
      select now() + interval '1 hour', '{}',
        jsonb_build_object('x-pgmq-group', 'g' || to_char(n, 'FM00000'))
      from generate_series(1, ${groups}) n`);

  it("go from group to group, in the order of their bytes, and begin anew after the last", async () => {
    await queue.send("b", "a", "é", "Z", "", "a", "Z");
    const first = await queue.claim({ ...grouped, ...after("a"), limit: 2 });
    assert.deepEqual(first.deliveries.map(({ id }) => id), [1, 3]);
    assert.deepEqual(first.round, { place: "é", end: "é" });
    const second = await queue.claim({ ...grouped, round: first.round, limit: 2 });
    assert.deepEqual(second.deliveries.map(({ id }) => id), [5, 4]);
    const third = await queue.claim({ ...grouped, round: second.round, limit: 2 });
    assert.deepEqual(third.deliveries.map(({ id }) => id), [2]);
    assert.deepEqual([third.more, third.unfinished], [false, false]);
  });

  it("go the other way with lifo", async () => {
    await queue.send("b", "a", "é", "Z", "", "a", "Z");
    const found = await queue.sweep({ ...groupedLifo, ...after("a"), limit: 2 });
    assert.deepEqual(found, [[7, 5], [3, 1], [6]]);
  });

  it("let each group have its turn, however many tasks another has", async () => {
    await queue.send(..."a".repeat(9), ..."b".repeat(9), "c");
    const order: number[] = [];
    for (let round = after("").round; order.length < 7;) {
      const claim = await queue.claim({ ...grouped, round, limit: 1 });
      order.push(...claim.deliveries.map(({ id }) => id));
      await queue.complete(claim.deliveries);
      round = claim.round!;
    }
    assert.deepEqual(order, [1, 10, 19, 2, 11, 3, 12]);
  });

  it("start anywhere if they go on from nowhere", async () => {
    await queue.send(..."abcdefghijklmnopqrstuvwxyz");
    const starts = new Set<number>();
    while (starts.size < 5) {
      const { deliveries: [task] } = await queue.claim({ ...grouped, limit: 1 });
      await queue.change(
        `vt = now(), headers = headers - 'x-pgtq-status' where msg_id = ${task!.id}`,
      );
      starts.add(task!.id);
    }
  });

  it("go on where no group is any more", async () => {
    await queue.send("a", "c");
    assert.deepEqual(await queue.sweep({ ...grouped, ...after("b"), limit: 1 }), [[2], [1], []]);
    assert.deepEqual(await queue.take({ ...grouped, ...after("zzz") }), []);
  });

  it("are interrupted after many blocked groups, for others to have a turn, and come through", async () => {
    await block(2500);
    await queue.send("z");
    const { deliveries, unfinished, round } = await queue.claim({
      ...grouped,
      ...after("g"),
      limit: 10,
    });
    assert.deepEqual([deliveries, unfinished], [[], true]);
    assert.deepEqual(round, { place: "g01010", end: "g" });
    const found = await queue.sweep({ ...grouped, round, limit: 10 });
    assert.deepEqual(found, [[], [2501]]);
  });

  for (const groups of [1009, 1010, 1011, 2020, 2021]) {
    it(`end where all of ${groups} groups are blocked`, async () => {
      await block(groups);
      for (const rules of [grouped, groupedLifo]) {
        const found = await queue.sweep({ ...rules, ...after("g00500"), limit: 10 });
        assert.ok(found.length <= 4, `after ${found.length} claims`);
      }
    });
  }

  it("end where groups come and go while they last", async () => {
    await block(1500);
    const first = await queue.claim({ ...grouped, ...after("g01400"), limit: 10 });
    assert.equal(first.unfinished, true);
    await backend.sql.unsafe(`
      delete from ${queue.made.site.tables.queue}
      where headers ->> 'x-pgmq-group' between 'g01300' and 'g01450'`);
    await queue.send("g01350");
    const found = await queue.sweep({ ...grouped, round: first.round, limit: 10 });
    assert.deepEqual(found.flat(), [1501]);
  });
});
