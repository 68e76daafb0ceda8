import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Cutoff, cutoff, pruneBatch } from "../../src/db/archive.ts";
import type { Tables } from "../../src/db/tables.ts";
import { type Backend, type Made, openBackend, type Options } from "../_support/backend.ts";
import { plansOf } from "../_support/plan.ts";

describe("pruning an archive", () => {
  let backend: Backend;

  before(async () => {
    backend = await openBackend("ours");
  });
  after(() => backend?.[Symbol.asyncDispose]());

  /** Archives tasks 1 to `count`, the oldest first: task n of 10 is 10 - n hours old. */
  async function fill({ archive }: Tables, count: number, hours = `${count} - n`) {
    await backend.sql.unsafe(`
      insert into ${archive} (msg_id, vt, message, archived_at)
      select n, now(), '{}', clock_timestamp() - (${hours}) * interval '1 hour'
      from generate_series(1, ${count}) n`);
  }

  async function filled(options: Options, count = 10, hours?: string): Promise<Made> {
    const made = await backend.make(options);
    await fill(made.site.tables, count, hours);
    return made;
  }

  const left = async ({ archive }: Tables) =>
    (await backend.rows(archive)).map((row) => Number(row.msg_id));

  const cases: readonly [string, Options["archive"], number[]][] = [
    ["by age", { ttl: "210m" }, [7, 8, 9, 10]],
    ["by number", { limit: 3 }, [8, 9, 10]],
    ["by both, where age is stricter", { ttl: "90m", limit: 5 }, [9, 10]],
    ["by both, where the number is stricter", { ttl: "450m", limit: 2 }, [9, 10]],
    ["down to nothing", { limit: 0 }, []],
    ["of nothing that is young enough", { ttl: "1d" }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ["of nothing below the number", { limit: 10 }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ["of nothing without a rule", true, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
    ["of nothing without an archive", false, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]],
  ];
  for (const [title, archive, expected] of cases) {
    it(`removes the oldest ${title}`, async () => {
      const { queue, site } = await filled({ archive });
      assert.equal(await queue.prune(), 10 - expected.length);
      assert.deepEqual(await left(site.tables), expected);
      assert.equal(await queue.prune(), 0);
    });
  }

  it("goes on until all is gone, however small the batches", async () => {
    for (const [batchSize, count] of [[1, 7], [3, 7], [7, 7], [8, 7], [1000, 2500]] as const) {
      const { queue, site } = await filled({ archive: { limit: 1 } }, count, "1");
      assert.equal(await queue.prune({ batchSize }), count - 1);
      assert.deepEqual(await left(site.tables), [count]);
    }
  });

  it("tells rows that were archived at the same time apart by their ids", async () => {
    const { queue, site } = await backend.make({ archive: { limit: 2 } });
    await backend.sql.unsafe(`
      insert into ${site.tables.archive} (msg_id, vt, message, archived_at)
      select n, now(), '{}', '2020-01-01' from unnest(array[3, 5, 1, 4, 2]) n`);
    assert.equal(await queue.prune({ batchSize: 2 }), 3);
    assert.deepEqual(await left(site.tables), [4, 5]);
  });

  it("starts with the oldest, whatever their ids", async () => {
    const { site: { tables, sql } } = await filled({}, 6, "n");
    const last = await cutoff(sql, tables, { ttlMs: undefined, limit: 1 });
    assert.equal(await pruneBatch(sql, tables, last!, 2), 2);
    assert.deepEqual(await left(tables), [1, 2, 3, 4]);
  });

  it("leaves what is archived while it runs", async () => {
    const { site: { tables, sql } } = await filled({}, 5);
    const last = await cutoff(sql, tables, { ttlMs: undefined, limit: 2 });
    await sql.unsafe(`insert into ${tables.archive} (msg_id, vt) values (6, now()), (7, now())`);
    assert.equal(await pruneBatch(sql, tables, last!, 100), 3);
    assert.deepEqual(await left(tables), [4, 5, 6, 7]);
  });

  it("prunes the archive of the dead letters by its own rule", async () => {
    const { queue, site, letters } = await filled({
      archive: { limit: 9 },
      dlqArchive: { limit: 1 },
    });
    await fill(letters.tables, 10);
    assert.equal(await queue.prune(), 1 + 9);
    assert.deepEqual([(await left(site.tables)).length, await left(letters.tables)], [9, [10]]);
  });

  it("stops between two batches when told to", async () => {
    const { queue, site } = await filled({ archive: { limit: 0 } });
    assert.equal(await queue.prune({ batchSize: 1, signal: AbortSignal.abort() }), 0);
    assert.equal((await left(site.tables)).length, 10);
  });

  it("may be done by many at once", async () => {
    const { queue, site } = await filled({ archive: { limit: 100 } }, 5000);
    const pruners = Array.from({ length: 6 }, () => queue.prune({ batchSize: 50 }));
    const counts = await Promise.all(pruners);
    assert.equal(counts.reduce((sum, count) => sum + count), 4900);
    assert.equal((await left(site.tables)).length, 100);
  });

  it("passes over rows that somebody else is pruning", async () => {
    const { site: { tables, sql } } = await filled({}, 5);
    const last = await cutoff(sql, tables, { ttlMs: undefined, limit: 0 });
    await backend.sql.begin(async (tx) => {
      assert.equal(await pruneBatch(tx, tables, last!, 2), 2);
      assert.equal(await pruneBatch(sql, tables, last!, 100), 3);
    });
    assert.deepEqual(await left(tables), []);
  });

  it("finds its way by the index in a big archive", async () => {
    const { site: { tables } } = await filled({}, 20_000, "20000 - n");
    await backend.sql.unsafe(`analyze ${tables.archive}`);
    const rules = [
      { ttlMs: 3_600_000 * 19_900, limit: undefined },
      { ttlMs: undefined, limit: 19_900 },
      { ttlMs: 3_600_000 * 19_900, limit: 19_950 },
    ];
    for (const rule of rules) {
      const plans = await plansOf(backend.url, async (sql) => {
        const last = await cutoff(sql, tables, rule) as Cutoff;
        assert.ok(await pruneBatch(sql, tables, last, 10) > 0);
      });
      assert.equal(plans.length, 2);
      for (const plan of plans) assert.doesNotMatch(plan, /Seq Scan/, plan);
      assert.match(plans[1]!, /archived_at_idx/, plans[1]);
    }
  });
});
