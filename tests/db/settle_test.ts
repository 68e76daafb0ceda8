import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Delivery } from "../../src/core/task.ts";
import { claim } from "../../src/db/claim.ts";
import { enqueue } from "../../src/db/enqueue.ts";
import { complete, extend, putBack } from "../../src/db/settle.ts";
import { type Backend, backends, type Made, openBackend, type Row } from "../_support/backend.ts";

const now = { delayMs: 0, at: null };
const lease = 30_000;

for (const kind of backends) {
  describe(`settling tasks on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const send = (...bodies: unknown[]) => made.queue.enqueueMany(bodies);
    const take = (limit: number) => claim(made.site, { limit, leaseMs: lease });
    const takeOne = async () => (await take(1)).deliveries[0]!;
    const queued = () => backend.rows(made.site.tables.queue);
    const archived = () => backend.rows(made.site.tables.archive);
    const change = (text: string) =>
      backend.sql.unsafe(`update ${made.site.tables.queue} set ${text}`);
    const inMs = (from: Date, to: Date) => to.getTime() - from.getTime();
    /** Receipts of an earlier delivery, of a later one and of another task. */
    const stale = ({ id, deliveries }: Delivery) => [
      { id, deliveries: deliveries - 1 },
      { id, deliveries: deliveries + 1 },
      { id: id + 1000, deliveries },
    ];

    describe("extend", () => {
      it("renews the lease without a new delivery", async () => {
        await send(1, 2);
        const { deliveries } = await take(2);
        assert.deepEqual((await extend(made.site, deliveries, 600_000)).extended, new Set([1, 2]));
        const [row] = await queued();
        assert.ok(inMs(await backend.now(), row!.vt) > 500_000);
        assert.equal(row?.read_ct, 1);
      });

      it("changes nothing with a stale receipt", async () => {
        await send(1);
        const delivery = await takeOne();
        const rows = await queued();
        assert.deepEqual((await extend(made.site, stale(delivery), 600_000)).extended, new Set());
        assert.deepEqual(await queued(), rows);
      });
    });

    describe("complete", () => {
      it("moves tasks to the archive as completed, with all they had", async () => {
        const task = { message: '{"n":1}', headers: '{"x-pgmq-group":"a","mine":[1]}' };
        await enqueue(backend.sql, made.site.tables, [task], now);
        const delivery = await takeOne();
        const [before] = await queued();
        assert.deepEqual(await complete(made.site, [delivery], true), new Set([1]));
        assert.deepEqual(await queued(), []);
        const [{ archived_at, ...row } = {} as Row] = await archived();
        assert.ok(archived_at! <= await backend.now());
        const headers = { ...before?.headers, "x-pgtq-status": "completed" };
        assert.deepEqual(row, { ...before, headers });
      });

      it("deletes tasks of a queue without an archive", async () => {
        await send(1);
        assert.deepEqual(await complete(made.site, [await takeOne()], false), new Set([1]));
        assert.deepEqual([await queued(), await archived()], [[], []]);
      });

      for (const archive of [true, false]) {
        it(`changes nothing with a stale receipt, archive: ${archive}`, async () => {
          await send(1);
          const receipts = stale(await takeOne());
          const rows = await queued();
          assert.deepEqual(await complete(made.site, receipts, archive), new Set());
          assert.deepEqual([await queued(), await archived()], [rows, []]);
        });
      }

      it("leaves out those of a batch that others hold by now", async () => {
        await send(1, 2, 3);
        const { deliveries } = await take(3);
        await change("vt = now() where msg_id = 2");
        await takeOne();
        assert.deepEqual(await complete(made.site, deliveries, true), new Set([1, 3]));
        assert.deepEqual((await queued()).map((row) => [row.msg_id, row.read_ct]), [["2", 2]]);
      });

      it("completes a task with junk for headers", async () => {
        await backend.sql`select pgmq.send(${made.queue.name}, '1'::jsonb, '[1]'::jsonb, 0)`;
        await complete(made.site, [await takeOne()], true);
        assert.deepEqual((await archived())[0]?.headers, { "x-pgtq-status": "completed" });
      });

      it("still completes when the archive has the id from before the queue was made anew", async () => {
        await send("new");
        await backend.sql.unsafe(`
          insert into ${made.site.tables.archive} (msg_id, vt, message) values (1, now(), '"old"')`);
        assert.deepEqual(await complete(made.site, [await takeOne()], true), new Set([1]));
        assert.deepEqual(await queued(), []);
        assert.deepEqual((await archived()).map((row) => row.message), ["old"]);
      });
    });

    describe("putBack", () => {
      const retry = (delivery: Delivery, error: string | null, delayMs = 0) =>
        putBack(made.site, [{ ...delivery, error, delayMs }], { wake: false });

      it("keeps the error of a failed attempt and hides the task for the delay", async () => {
        await send(1);
        assert.deepEqual(await retry(await takeOne(), "Error: 1", 60_000), new Set([1]));
        const [row] = await queued();
        assert.deepEqual(row?.headers, {
          "x-pgtq-errors": ["Error: 1"],
          "x-pgtq-status": "queued",
          "x-pgtq-settled": 1,
        });
        const left = inMs(await backend.now(), row!.vt);
        assert.ok(left > 40_000 && left <= 60_000, `${left}`);
      });

      it("adds errors in order and counts releases apart", async () => {
        await send(1);
        await retry(await takeOne(), "first");
        await retry(await takeOne(), null);
        await retry(await takeOne(), 'it\'s "2nd"');
        await retry(await takeOne(), null);
        assert.deepEqual((await queued())[0]?.headers, {
          "x-pgtq-errors": ["first", 'it\'s "2nd"'],
          "x-pgtq-releases": 2,
          "x-pgtq-status": "queued",
          "x-pgtq-settled": 4,
        });
      });

      it("changes nothing the second time, so that an answer lost on the way does no harm", async () => {
        await send(1);
        const delivery = await takeOne();
        await retry(delivery, "once", 60_000);
        const rows = await queued();
        assert.deepEqual(await retry(delivery, "once", 1), new Set());
        assert.deepEqual(await retry(delivery, null), new Set());
        assert.deepEqual((await extend(made.site, [delivery], lease)).extended, new Set());
        assert.deepEqual(await complete(made.site, [delivery], true), new Set());
        assert.deepEqual(await queued(), rows);
      });

      it("changes nothing with a stale receipt", async () => {
        await send(1);
        const receipts = stale(await takeOne());
        const rows = await queued();
        const tasks = receipts.map((receipt) => ({ ...receipt, delayMs: 0, error: "stale" }));
        assert.deepEqual(await putBack(made.site, tasks, { wake: true }), new Set());
        assert.deepEqual(await queued(), rows);
      });

      it("puts junk in headers aside and leaves the rest alone", async () => {
        const junk = { "x-pgtq-errors": "none", "x-pgtq-releases": "many", mine: 1 };
        const { name } = made.queue;
        await backend.sql`select pgmq.send(${name}, '1'::jsonb, ${backend.sql.json(junk)}, 0)`;
        await backend.sql`select pgmq.send(${name}, '2'::jsonb, '7'::jsonb, 0)`;
        await retry(await takeOne(), null);
        await retry((await takeOne())!, "boom");
        const [first, second] = await queued();
        assert.equal(first?.headers?.["x-pgtq-releases"], 1);
        assert.equal(first?.headers?.mine, 1);
        assert.deepEqual(second?.headers?.["x-pgtq-errors"], ["boom"]);
      });

      it("wakes idle workers if asked to", async () => {
        await send(1, 2);
        const { deliveries: [first, second] } = await take(2);
        const heard: string[] = [];
        await backend.sql.listen(made.site.tables.channel, () => heard.push("task"));
        await backend.sql.listen("fence", (text) => heard.push(text));
        await retry(first!, null);
        await backend.sql.notify("fence", "fence");
        await putBack(made.site, [{ ...second!, error: null, delayMs: 0 }], { wake: true });
        await until(() => heard.includes("task"));
        assert.deepEqual(heard, ["fence", "task"]);
      });
    });

    it("many workers that retry, give back and complete lose no task and complete none twice", async () => {
      const ids = await send(...Array.from({ length: 300 }, (_, n) => n));
      const completed: number[] = [];
      const work = async () => {
        while (completed.length < ids.length) {
          const { deliveries } = await take(9);
          const [back, done] = [0, 1].map((part) =>
            deliveries.filter((task) => Number(task.deliveries === 3) === part)
          );
          const tasks = back!.map((task) => ({
            ...task,
            delayMs: 0,
            error: task.deliveries % 2 ? `Error: ${task.deliveries}` : null,
          }));
          const settled = [
            putBack(made.site, tasks, { wake: false }),
            complete(made.site, done!, true),
          ];
          const [, gone] = await Promise.all(settled);
          completed.push(...gone!);
        }
      };
      await Promise.all(Array.from({ length: 6 }, work));
      assert.deepEqual(completed.sort((a, b) => a - b), ids);
      const rows = await archived();
      assert.equal(rows.length, ids.length);
      for (const { read_ct, headers } of rows) {
        assert.deepEqual([read_ct, headers?.["x-pgtq-errors"], headers?.["x-pgtq-releases"]], [
          3,
          ["Error: 1"],
          1,
        ]);
      }
      assert.deepEqual(await queued(), []);
    });

    /** Asks the database for nothing again and again: notifications come in between. */
    async function until(condition: () => boolean) {
      while (!condition()) await backend.sql`select 1`;
    }
  });
}
