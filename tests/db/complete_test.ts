import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Receipt } from "../../src/core/task.ts";
import { claim } from "../../src/db/claim.ts";
import { complete, putBack } from "../../src/db/settle.ts";
import { type Backend, backends, type Made, openBackend } from "../_support/backend.ts";

/** With an archive or without, and with others told or not. */
const ways = [true, false].flatMap((archive) => [true, false].map((wake) => ({ archive, wake })));

for (const kind of backends) {
  describe(`completing a batch on pgmq: ${kind}`, () => {
    let backend: Backend;
    let made: Made;
    let heard: string[] = [];

    before(async () => {
      backend = await openBackend(kind);
    });
    beforeEach(async () => {
      made = await backend.make();
      heard = [];
    });
    after(() => backend?.[Symbol.asyncDispose]());

    const listen = async () => {
      await backend.sql.listen(made.site.tables.channel, () => heard.push("woken"));
      await backend.sql.listen("fence", () => heard.push("fence"));
    };
    /** Whether there was a notification before this. */
    const woken = async () => {
      await backend.sql.notify("fence", "");
      while (!heard.includes("fence")) await backend.sql`select 1`;
      return heard.splice(0).filter((name) => name === "woken").length;
    };
    const idsIn = async (place: "queue" | "archive") =>
      (await backend.rows(made.site.tables[place])).map(({ msg_id }) => Number(msg_id));
    const take = async (count: number) =>
      (await claim(made.site, { limit: count, leaseMs: 30_000 })).deliveries;
    const ids = (receipts: readonly Receipt[]) => new Set(receipts.map(({ id }) => id));

    for (const { archive, wake } of ways) {
      const settle = (receipts: readonly Receipt[]) =>
        complete(made.site, receipts, archive, { wake });

      describe(`archive: ${archive}, wake: ${wake}`, () => {
        it("answers with those still held, among all that can have become of the others", async () => {
          await made.queue.enqueueMany(Array(12).fill({}));
          const all = await take(12);
          const [held, settled, back, taken, dropped] = [0, 3, 5, 7, 9].map((from, i) =>
            all.slice(from, [3, 5, 7, 9, 10][i])
          ) as [typeof all, typeof all, typeof all, typeof all, typeof all];
          await complete(made.site, settled, true);
          const tasks = back.map((task) => ({ ...task, delayMs: 3_600_000, error: null }));
          await putBack(made.site, tasks, { wake: false });
          const { queue } = made.site.tables;
          await backend.sql.unsafe(`update ${queue} set vt = now() where msg_id = any ($1)`, [
            taken.map(({ id }) => id),
          ]);
          assert.deepEqual(ids(await take(9)), ids(taken));
          await backend.sql.unsafe(`delete from ${queue} where msg_id = $1`, [dropped[0]!.id]);
          const future = { id: 11, deliveries: 2 };
          const past = { id: 12, deliveries: 0 };
          const never = { id: 2 ** 53 - 1, deliveries: 1 };
          await listen();

          const sent = [...dropped, ...taken, never, ...held, past, ...back, future, ...settled];
          assert.deepEqual(await settle(sent), ids(held));
          assert.equal(await woken(), wake ? 1 : 0);
          assert.deepEqual(await idsIn("queue"), [6, 7, 8, 9, 11, 12]);
          assert.deepEqual(await idsIn("archive"), archive ? [1, 2, 3, 4, 5] : [4, 5]);
        });

        it("answers with all where all are held, and with none the second time", async () => {
          await made.queue.enqueueMany(Array(120).fill({}));
          const all = await take(120);
          await listen();
          assert.deepEqual(await settle(all), ids(all));
          assert.equal(await woken(), wake ? 1 : 0);
          assert.deepEqual(await settle(all), new Set());
          assert.equal(await woken(), 0);
          assert.deepEqual(await idsIn("queue"), []);
          assert.equal((await idsIn("archive")).length, archive ? 120 : 0);
        });

        it("answers with one of one", async () => {
          await made.queue.enqueue({});
          const [one] = await take(1);
          await listen();
          assert.deepEqual(await settle([{ ...one!, deliveries: 2 }]), new Set());
          assert.equal(await woken(), 0);
          assert.deepEqual(await settle([one!]), new Set([1]));
          assert.equal(await woken(), wake ? 1 : 0);
        });

        it("answers with none of none", async () => {
          assert.deepEqual(await settle([]), new Set());
        });

        it("answers with it once where a task is sent with a true and a false receipt", async () => {
          await made.queue.enqueueMany(Array(2).fill({}));
          const [one, two] = await take(2);
          const sent = [{ ...one!, deliveries: 7 }, one!, two!, { ...two!, deliveries: 7 }];
          assert.deepEqual(await settle(sent), new Set([1, 2]));
          assert.deepEqual(await idsIn("queue"), []);
        });
      });
    }
  });
}
