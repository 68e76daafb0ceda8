import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import type { Delivery } from "../../src/core/task.ts";
import { claim } from "../../src/db/claim.ts";
import { type Backend, backends, openBackend } from "../_support/backend.ts";
import {
  after as behind,
  grouped,
  groupedLifo,
  lifo,
  limited,
  type StrictQueue,
  strictQueue,
} from "../_support/strict_queue.ts";

/** Tasks travel 50 at a time: these are some that fill parcels, and some that don't. */
const counts = [1, 49, 50, 51, 100, 149];

/** All that JSON can be, and what is hard to get through a text in a text. */
const bodies: readonly unknown[] = [
  null,
  true,
  0,
  -1.5e-7,
  1e300,
  2 ** 53 - 1,
  "",
  "null",
  "[]",
  "a,b\"c'd\\e\n\r\t\b\f/",
  "\u2028\u2029\u007f\u0001",
  "ä€😀\ud7ff\ufeff",
  [],
  [[], [[]], [null]],
  {},
  { "": { "": [{}] } },
  { a: [1, { b: "} {" }], ids: "x", message: null, "ключ": "值" },
  "{1,2}",
  "$1",
];

for (const kind of backends) {
  describe(`tasks that travel in parcels on pgmq: ${kind}`, () => {
    let backend: Backend;
    let queue: StrictQueue;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      queue = await strictQueue(backend);
    });
    afterEach(() => queue[Symbol.asyncDispose]());
    after(() => backend?.[Symbol.asyncDispose]());

    const plain = async (options: { lifo?: boolean } = {}, limit = 1000) =>
      (await claim(queue.made.site, { limit, leaseMs: 30_000, ...options })).deliveries;
    const ids = (deliveries: readonly Delivery[]) => deliveries.map(({ id }) => id);
    const upTo = (count: number) => Array.from({ length: count }, (_, n) => n + 1);
    const send = (tasks: readonly unknown[]) => queue.made.queue.enqueueMany(tasks);
    const free = () => queue.change("vt = now(), headers = headers - 'x-pgtq-status'");

    for (const count of counts) {
      it(`are all there and in order, ${count} of them, whatever the order is`, async () => {
        await send(upTo(count));
        const upwards = upTo(count);
        const downwards = upwards.toReversed();
        for (const [options, expected] of [[{}, upwards], [{ lifo: true }, downwards]] as const) {
          const deliveries = await plain(options);
          assert.deepEqual(ids(deliveries), expected);
          assert.deepEqual(deliveries.map(({ message }) => message), expected);
          await free();
        }
        // By the time of becoming due, against the order of the ids.
        await queue.change("vt = now() - msg_id * interval '1 ms'");
        assert.deepEqual(ids(await plain()), downwards);
        await queue.change("vt = now() - msg_id * interval '1 ms'");
        assert.deepEqual(ids(await plain({ lifo: true })), upwards);
        await free();
        assert.deepEqual(await queue.take({ ...limited(1000), limit: 1000 }), upwards);
        await free();
        assert.deepEqual(await queue.take({ ...lifo, limit: 1000 }), downwards);
      });

      it(`are in the order of their groups, ${count} of them`, async () => {
        const names = upTo(count).map((n) => String(1000 + n * 11 % count));
        await queue.send(...names);
        const place = new Map(names.map((name, i) => [i + 1, name]));
        const sorted = upTo(count).sort((a, b) => place.get(a)! < place.get(b)! ? -1 : 1);
        const up = await queue.take({ ...grouped, ...behind(""), limit: 1000 });
        assert.deepEqual(up, sorted);
        await free();
        const down = await queue.take({ ...groupedLifo, ...behind("9"), limit: 1000 });
        assert.deepEqual(down, sorted.toReversed());
      });
    }

    it("are the same after the journey, whatever JSON they are", async () => {
      const tasks = Array.from({ length: 7 }, () => bodies).flat();
      await send(tasks);
      const deliveries = await plain();
      assert.deepEqual(deliveries.map(({ message }) => message), tasks);
      assert.ok(deliveries.every(({ deliveries, headers }) => {
        return deliveries === 1 && Object.keys(headers).length === 0;
      }));
    });

    it("say when each was put in, and how often it was delivered", async () => {
      const before = await backend.now();
      await send(upTo(60));
      await queue.change("read_ct = msg_id, enqueued_at = enqueued_at + msg_id * interval '1 day'");
      const after = await backend.now();
      for (const { id, deliveries, enqueuedAt } of await plain()) {
        assert.equal(deliveries, id + 1);
        const day = enqueuedAt.getTime() - id * 86_400_000;
        assert.ok(day >= before.getTime() - 1 && day <= after.getTime(), `${enqueuedAt}`);
      }
    });

    it("have no headers where these are no object, and their own where they are", async () => {
      const given = [undefined, null, 5, "text", true, [], [{ a: 1 }], {}, { a: null, "ü": [1] }];
      const all = Array.from({ length: 9 }, () => given).flat();
      for (const headers of all) {
        const text = headers === undefined ? null : JSON.stringify(headers);
        await backend.sql`
          select pgmq.send(${queue.made.queue.name}::text, '{}'::jsonb, ${text}::text::jsonb, 0)`;
      }
      const expected = all.map((headers) => {
        return headers && typeof headers === "object" && !Array.isArray(headers) ? headers : {};
      });
      assert.deepEqual((await plain()).map(({ headers }) => headers), expected);
    });

    it("have a body of null where a row has none at all", async () => {
      const { tables } = queue.made.site;
      await backend.sql.unsafe(
        `insert into ${tables.queue} (vt, message) select now(), null from generate_series(1, 60)`,
      );
      const deliveries = await plain();
      assert.deepEqual(ids(deliveries), upTo(60));
      assert.ok(deliveries.every(({ message }) => message === null));
    });

    it("stay where they are with an id beyond 2^53, or too many deliveries, and hold up nobody", async () => {
      const { tables } = queue.made.site;
      await send(upTo(60));
      await backend.sql.unsafe(`
        insert into ${tables.queue} (msg_id, vt, message, headers) overriding system value
        select 9007199254740991 + n, now() - interval '1 minute', '{}',
          jsonb_build_object('x-pgmq-group', 'far ' || n) from generate_series(0, 60) n`);
      await queue.change("read_ct = 2147483647 where msg_id = 30");
      const expected = [2 ** 53 - 1, ...upTo(60).filter((n) => n !== 30)];
      assert.deepEqual(ids(await plain()), expected);
      await free();
      const taken = await queue.take({ ...limited(1000), limit: 1000 });
      assert.deepEqual(new Set(taken), new Set(expected));
      await free();
      assert.deepEqual(await queue.take({ ...grouped, limit: 1000 }), [1, 2 ** 53 - 1]);
      assert.equal((await queue.rows()).filter(({ read_ct }) => read_ct === 0).length, 60);
    });
  });
}

describe("120 tasks of a megabyte", () => {
  it("come in one claim", async () => {
    await using backend = await openBackend("ours");
    await using queue = await strictQueue(backend);
    const { tables } = queue.made.site;
    await backend.sql.unsafe(`
      insert into ${tables.queue} (vt, message)
      select now(), to_jsonb(n || repeat('0123456789abcdef', 65536)) from generate_series(1, 120) n`);
    const { deliveries } = await claim(queue.made.site, { limit: 1000, leaseMs: 30_000 });
    const texts = deliveries.map(({ message }) => message as string);
    assert.deepEqual(
      texts.map((text) => text.length),
      deliveries.map(({ id }) => `${id}`.length + 2 ** 20),
    );
    assert.deepEqual(texts.map((text) => parseInt(text) > 0), Array(120).fill(true));
    assert.ok(texts.every((text, i) => text.startsWith(`${i + 1}0123`)));
  });
});
