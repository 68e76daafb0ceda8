import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { claim } from "../../src/db/claim.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";

const now = { delayMs: 0, at: null };
const lease = 30_000;

for (const kind of backends) {
  describe(`the broker on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const send = (...bodies: unknown[]) => {
      const tasks = bodies.map((body) => ({ message: JSON.stringify(body), headers: null }));
      return enqueue(backend.sql, made.site.tables, tasks, now);
    };
    const take = (limit: number, leaseMs = lease) => claim(made.site, { limit, leaseMs });
    const takeOne = async () => (await take(1)).deliveries[0]!;
    const queued = () => backend.rows(made.site.tables.queue);
    const change = (text: string) =>
      backend.sql.unsafe(`update ${made.site.tables.queue} set ${text}`);
    const inMs = (from: Date, to: Date) => to.getTime() - from.getTime();

    describe("enqueue", () => {
      it("stores what is given and answers with rising ids in the same order", async () => {
        const tasks = [
          { message: '{"n":1}', headers: null },
          { message: "null", headers: '{"x-pgmq-group":"a"}' },
          { message: '"it\'s \\\\ \\"text\\""', headers: null },
        ];
        const ids = await enqueue(backend.sql, made.site.tables, tasks, now);
        assert.deepEqual(ids, [1, 2, 3]);
        const rows = await queued();
        assert.deepEqual(rows.map((row) => [row.message, row.headers, row.read_ct]), [
          [{ n: 1 }, null, 0],
          [null, { "x-pgmq-group": "a" }, 0],
          ['it\'s \\ "text"', null, 0],
        ]);
        const count = async (condition: string) => {
          const { queue } = made.site.tables;
          return (await backend.sql.unsafe(`select from ${queue} where ${condition}`)).length;
        };
        assert.equal(await count("message is not null"), 3, "a body of JSON null is no SQL NULL");
        assert.equal(await count("headers is null"), 2, "no headers are SQL NULL");
      });

      it("takes the time from the server: now, later, at a time, and later than that", async () => {
        const at = new Date(Date.now() + 3_600_000).toISOString();
        const task = [{ message: "1", headers: null }];
        const before = await backend.now();
        for (const due of [now, { delayMs: 60_000, at: null }, { delayMs: 0, at }]) {
          await enqueue(backend.sql, made.site.tables, task, due);
        }
        await enqueue(backend.sql, made.site.tables, task, { delayMs: 60_000, at });
        await enqueue(backend.sql, made.site.tables, task, { delayMs: 0, at: "1970-01-01" });
        const dues = (await queued()).map((row) => Math.round(inMs(before, row.vt) / 30_000) / 2);
        assert.deepEqual(dues, [0, 1, 60, 61, 0]);
      });

      it("notifies for a task that is first in due order, and only then", async () => {
        const heard: string[] = [];
        await backend.sql.listen(made.site.tables.channel, () => heard.push("task"));
        await backend.sql.listen("fence", (text) => heard.push(text));
        const fence = () => backend.sql.notify("fence", "fence");
        await send(1);
        await fence();
        await send(2, 3);
        await fence();
        await until(() => heard.filter((text) => text === "fence").length === 2);
        assert.deepEqual(heard, ["task", "fence", "fence"]);
      });
    });

    describe("claim", () => {
      it("leases due tasks, the earliest due first and ids in order among equals", async () => {
        await send("a", "b", "c", "d");
        await change("vt = now() - msg_id * interval '1 minute' where msg_id > 2");
        const { deliveries } = await take(4);
        assert.deepEqual(deliveries.map(({ id, message }) => [id, message]), [
          [4, "d"],
          [3, "c"],
          [1, "a"],
          [2, "b"],
        ]);
        const [row] = await queued();
        assert.equal(row?.read_ct, 1);
        const left = inMs(await backend.now(), row!.vt);
        assert.ok(left > lease - 10_000 && left <= lease, `${left}`);
        if (made.site.lastReadAt) assert.ok(row?.last_read_at instanceof Date);
      });

      it("knows whether the tables have last_read_at", () => {
        assert.equal(made.site.lastReadAt, kind !== "older");
      });

      it("takes no more than asked for and none twice", async () => {
        await send(1, 2, 3);
        assert.deepEqual((await take(2)).deliveries.map(({ id }) => id), [1, 2]);
        assert.deepEqual((await take(2)).deliveries.map(({ id }) => id), [3]);
        assert.deepEqual((await take(2)).deliveries, []);
      });

      it("counts the deliveries of a task whose lease has passed", async () => {
        await send(1);
        const first = await takeOne();
        await change("vt = now()");
        const second = await takeOne();
        assert.deepEqual([first.deliveries, second.deliveries], [1, 2]);
        assert.deepEqual(first.enqueuedAt, second.enqueuedAt);
      });

      it("tells when the next task becomes due, unless it brought all that was asked for", async () => {
        assert.equal((await take(1)).nextDueMs, undefined);
        await send(1, 2);
        await change("vt = now() + interval '1 minute' where msg_id = 2");
        assert.equal((await take(1)).nextDueMs, undefined);
        await change("vt = now() where msg_id = 1");
        const { deliveries, nextDueMs = 0 } = await take(5);
        assert.equal(deliveries.length, 1);
        assert.ok(nextDueMs > 10_000 && nextDueMs <= 60_000, `${nextDueMs}`);
      });

      it("hands a task to one of many claimers", async () => {
        const ids = await send(...Array.from({ length: 500 }, (_, n) => n));
        const claimers = Array.from({ length: 8 }, async () => {
          const mine: number[] = [];
          for (;;) {
            const { deliveries } = await take(7);
            if (deliveries.length === 0) return mine;
            mine.push(...deliveries.map(({ id }) => id));
          }
        });
        const all = (await Promise.all(claimers)).flat();
        assert.deepEqual(all.sort((a, b) => a - b), ids);
      });

      it("passes over rows that somebody else has locked instead of waiting", async () => {
        await send(1, 2, 3);
        await backend.sql.begin(async (tx) => {
          await tx.unsafe(`select from ${made.site.tables.queue} where msg_id = 1 for update`);
          assert.deepEqual((await take(9)).deliveries.map(({ id }) => id), [2, 3]);
        });
      });

      it("takes whatever other producers send", async () => {
        const { name } = made.queue;
        const { sql } = backend;
        await sql`select pgmq.send(${name}, 'null'::jsonb)`;
        await sql`select pgmq.send(${name}, '[1, "two"]'::jsonb, '[]'::jsonb, 0)`;
        await sql`select pgmq.send(${name}, '5'::jsonb, '"text"'::jsonb, 0)`;
        await sql`select pgmq.send(${name}, null::jsonb, 'null'::jsonb, 0)`;
        await sql`select pgmq.send(${name}, '{}'::jsonb, '{"x-pgtq-errors": 5}'::jsonb, 0)`;
        assert.deepEqual(
          (await take(9)).deliveries.map(({ message, headers }) => [message, headers]),
          [[null, {}], [[1, "two"], {}], [5, {}], [null, {}], [{}, { "x-pgtq-errors": 5 }]],
        );
      });
    });

    /** Asks the database for nothing again and again: notifications come in between. */
    async function until(condition: () => boolean) {
      while (!condition()) await backend.sql`select 1`;
    }
  });
}
