import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { claim } from "../../src/db/claim.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";

for (const kind of backends) {
  describe(`a claim that goes on where the last one ended, on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const send = (count: number) => made.queue.enqueueMany(Array(count).fill({}));
    /** As in `due("now() - interval '1 s' where msg_id = 1")`. */
    const due = (text: string) =>
      backend.sql.unsafe(`update ${made.site.tables.queue} set vt = ${text}`);
    const take = async (
      limit: number,
      options: { since?: string | undefined; lifo?: boolean } = {},
    ) => {
      const { deliveries, ...rest } = await claim(made.site, {
        limit,
        leaseMs: 30_000,
        ...options,
      });
      return { ids: deliveries.map(({ id }) => id), ...rest };
    };
    /** Claims on until one is not full; returns the ids per claim. */
    const sweep = async (limit: number, lifo: boolean) => {
      const found: number[][] = [];
      for (let since: string | undefined, more = true; more;) {
        const claimed = await take(limit, { since, lifo });
        found.push(claimed.ids);
        ({ last: since, more } = claimed);
      }
      return found;
    };

    it("takes all, each once, in the same order as from the start", async () => {
      await send(25);
      await due("now() - msg_id * interval '1 second'");
      const all = Array.from({ length: 25 }, (_, n) => 25 - n);
      assert.deepEqual((await sweep(4, false)).flat(), all);
      await due("now() - msg_id * interval '1 second'");
      assert.deepEqual((await sweep(4, true)).flat(), all.toReversed());
    });

    for (const lifo of [false, true]) {
      it(`says when the last of its tasks became due, lifo: ${lifo}`, async () => {
        await send(9);
        await due("timestamptz '2020-01-01 00:00:00+00' + msg_id * interval '1 hour'");
        const { ids, last } = await take(4, { lifo });
        const hour = new Date(last!).getUTCHours();
        assert.deepEqual([ids, hour], lifo ? [[9, 8, 7, 6], 6] : [[1, 2, 3, 4], 4]);
      });

      it(`skips none of those that are due at the same time, lifo: ${lifo}`, async () => {
        await send(30);
        await due("now() - interval '1 second'");
        await due("now() - interval '2 seconds' where msg_id > 25");
        const found = await sweep(4, lifo);
        assert.deepEqual(found.map(({ length }) => length), [4, 4, 4, 4, 4, 4, 4, 2]);
        assert.deepEqual(new Set(found.flat()).size, 30);
        const late = lifo ? found.slice(-2).flat() : found.slice(0, 2).flat();
        assert.equal(late.filter((id) => id > 25).length >= 4, true, `${found}`);
      });
    }

    it("leaves those that are due earlier to a claim from the start; with lifo those due later", async () => {
      await send(6);
      await due("now() - interval '1 minute' + msg_id * interval '1 second'");
      await due("now() + interval '1 hour' where msg_id in (1, 6)");
      const fifo = await take(2);
      assert.deepEqual(fifo.ids, [2, 3]);
      await due("now() - interval '1 hour' where msg_id = 1");
      assert.deepEqual((await take(9, { since: fifo.last })).ids, [4, 5]);
      assert.deepEqual((await take(9)).ids, [1]);
      await due("now() - interval '1 minute' + msg_id * interval '1 second'");
      await due("now() + interval '1 hour' where msg_id in (1, 6)");
      const lifo = await take(2, { lifo: true });
      assert.deepEqual(lifo.ids, [5, 4]);
      await due("now() - interval '1 second' where msg_id = 6");
      assert.deepEqual((await take(9, { since: lifo.last, lifo: true })).ids, [3, 2]);
      assert.deepEqual((await take(9, { lifo: true })).ids, [6]);
    });

    it("says nothing of an end where it has found nothing, and when the next one is due", async () => {
      assert.deepEqual(await take(1), {
        ids: [],
        more: false,
        nextDueMs: undefined,
        last: undefined,
      });
      await send(2);
      await due("now() + interval '1 minute' where msg_id = 2");
      const first = await take(5);
      assert.equal(typeof first.last, "string");
      const next = await take(5, { since: first.last });
      assert.deepEqual([next.ids, next.last, next.more], [[], undefined, false]);
      assert.ok(next.nextDueMs! > 10_000 && next.nextDueMs! <= 60_000, `${next.nextDueMs}`);
    });

    it("goes on to the microsecond, and from times that no calendar has", async () => {
      await send(5);
      await due("timestamptz '2020-01-01 00:00:00.000001+00' + msg_id * interval '1 us'");
      await due("'-infinity' where msg_id = 1");
      await due("timestamptz '0044-03-15 BC' where msg_id = 2");
      let since: string | undefined;
      for (const id of [1, 2, 3, 4, 5]) {
        const claimed = await take(1, { since });
        assert.deepEqual(claimed.ids, [id]);
        since = claimed.last;
      }
    });

    it("passes over rows that somebody has locked, which the next one from the start finds", async () => {
      await send(6);
      await due("now() - interval '1 minute' + msg_id * interval '1 second'");
      const { queue } = made.site.tables;
      const since = await backend.sql.begin(async (tx) => {
        await tx.unsafe(`select from ${queue} where msg_id in (2, 5) for update`);
        const first = await take(2);
        assert.deepEqual(first.ids, [1, 3]);
        const second = await take(2, { since: first.last });
        assert.deepEqual(second.ids, [4, 6]);
        return second.last;
      });
      assert.deepEqual((await take(9, { since })).ids, []);
      assert.deepEqual((await take(9)).ids, [2, 5]);
    });
  });
}
