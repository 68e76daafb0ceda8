import assert from "node:assert/strict";
import { before, it } from "node:test";
import { createQueue, processor, setup, Worker } from "../../mod.ts";
import { conformance, ids } from "../_support/conformance.ts";
import { createPartman, withoutPartman } from "../_support/partman.ts";

conformance("Partitioned queues", "1.5", ({ kind, since, database, exec, run, rows }) => {
  let there = false;
  before(async () => {
    there = await createPartman(database().url);
  });

  const check = (name: string, run: () => Promise<void>) =>
    it(name, async (t) => there ? await run() : t.skip(withoutPartman));

  const settings = (table: string) =>
    rows<Record<string, unknown>>(`(
      select control, partition_interval, retention, retention_keep_table, premake
      from partman.part_config where parent_table = 'pgmq.${table}') settings`);
  const indexed = async (table: string) =>
    (await run(
      `pg_get_indexdef(indexrelid) from pg_index where indrelid = 'pgmq.${table}'::regclass`,
    ))
      .map((index) => String(index).replace(/.* USING btree /, "")).toSorted();
  const numbers = (name: string, count: number) =>
    run(
      `pgmq.send_batch('${name}', array(select to_jsonb(n) from generate_series(1, ${count}) n))`,
    );

  check("an integer interval partitions queue and archive by id", async () => {
    await run("pgmq.create_partitioned('by_id', '10', '100')");
    for (const table of ["q_by_id", "a_by_id"]) {
      const [{ control, partition_interval, retention, retention_keep_table } = {}] =
        await settings(table);
      assert.deepEqual([control, partition_interval, retention], ["msg_id", "10", "100"]);
      assert.equal(retention_keep_table, false);
    }
    assert.deepEqual(await run("is_partitioned from pgmq.list_queues() order by queue_name"), [
      true,
      false,
    ]);
    await numbers("by_id", 25);
    const partitions = "tableoid::regclass::text from pgmq.q_by_id";
    assert.deepEqual(await run(`distinct ${partitions} order by 1`), [
      "pgmq.q_by_id_p0",
      "pgmq.q_by_id_p10",
      "pgmq.q_by_id_p20",
    ]);
  });

  check("any other interval partitions by time", async () => {
    await run("pgmq.create_partitioned('by_time', '1 day', '7 days')");
    assert.equal((await settings("q_by_time"))[0]?.control, "enqueued_at");
    assert.equal((await settings("a_by_time"))[0]?.control, "archived_at");
    await run("pgmq.send('by_time', '1')");
    await run("pgmq.archive('by_time', 1)");
    const [partition] = await run("tableoid::regclass::text from pgmq.a_by_time");
    assert.match(String(partition), /a_by_time_p\d/);
  });

  check("the defaults are partitions of 10,000 and a retention of 100,000", async () => {
    await run("pgmq.create_partitioned('by_default')");
    const [{ partition_interval, retention, premake } = {}] = await settings("q_by_default");
    assert.deepEqual([partition_interval, retention, premake], ["10000", "100000", 4]);
  });

  check("it sends, reads, settles and measures like another queue", async () => {
    await run("pgmq.create_partitioned('like', '10', '100')");
    await numbers("like", 30);
    assert.deepEqual(ids(await rows("pgmq.read('like', 60, 12)")).length, 12);
    assert.deepEqual((await run("pgmq.archive('like', array[1, 11, 99])")).toSorted(), ["1", "11"]);
    assert.deepEqual(await run("pgmq.delete('like', 21)"), [true]);
    assert.deepEqual(ids(await rows("pgmq.pop('like')")), [13]);
    assert.deepEqual(ids(await rows("pgmq.set_vt('like', 2, 0)")), [2]);
    const [metrics] = await rows<Record<string, string>>("pgmq.metrics('like')");
    assert.deepEqual([metrics?.queue_length, metrics?.total_messages], ["26", "30"]);
    assert.deepEqual(ids(await rows("pgmq.a_like")), [1, 11]);
    assert.deepEqual(await run("pgmq.purge_queue('like')"), ["26"]);
  });

  check("maintenance drops partitions older than the retention", async () => {
    await run("pgmq.create_partitioned('old', '10', '20')");
    // As often as it takes for the partitions to be there before the messages.
    for (let batch = 0; batch < 6; batch++) {
      await numbers("old", 15);
      await exec("call partman.run_maintenance_proc()");
    }
    const [oldest] = await run("min(msg_id)::int from pgmq.q_old");
    assert.ok(Number(oldest) >= 60, `${oldest}`);
  });

  check("drop_queue takes the tables and what pg_partman knows of them", async () => {
    await run("pgmq.create_partitioned('going', '10', '100')");
    assert.deepEqual(await run("pgmq.drop_queue('going')"), [true]);
    assert.deepEqual(await settings("q_going"), []);
    assert.deepEqual(await run("relname from pg_class where relname ~ '^[qa]_going'"), []);
  });

  check("convert_archive_partitioned keeps the old archive beside an empty one", async () => {
    await numbers("q", 2);
    await run("pgmq.archive('q', 1)");
    await run("pgmq.convert_archive_partitioned('q', '10', '100')");
    assert.deepEqual(ids(await rows("pgmq.a_q_old")), [1]);
    assert.deepEqual(await rows("pgmq.a_q"), []);
    assert.equal((await settings("a_q"))[0]?.control, "msg_id");
    await run("pgmq.archive('q', 2)");
    await run("pgmq.convert_archive_partitioned('q', '10', '100')");
    await run("pgmq.convert_archive_partitioned('unknown')");
    assert.deepEqual(ids(await rows("pgmq.a_q")), [2]);
    await exec("drop table pgmq.a_q_old");
  });

  since("ours", () => {
    check("creating it again changes nothing", async () => {
      await run("pgmq.create_partitioned('twice', '10', '100')");
      await numbers("twice", 1);
      await run("pgmq.create_partitioned('twice', '20', '200')");
      assert.equal((await settings("q_twice"))[0]?.partition_interval, "10");
      assert.deepEqual(ids(await rows("pgmq.q_twice")), [1]);
    });

    check("it has a primary key, and the index on vt", async () => {
      await run(
        "pgmq.create_partitioned('keyed', '10', '100'), pgmq.create_partitioned('timed', '1 day', '1 week')",
      );
      assert.deepEqual(await indexed("q_keyed"), ["(msg_id)", "(vt)"]);
      assert.deepEqual(await indexed("q_timed"), ["(msg_id, enqueued_at)", "(vt)"]);
      assert.deepEqual(await indexed("a_timed"), ["(archived_at)", "(msg_id, archived_at)"]);
    });

    check("names may have hyphens, dots and capitals", async () => {
      await run(`pgmq.create_partitioned('Odd-name', '10', '100')`);
      await run(`pgmq.create('other-name'), pgmq.convert_archive_partitioned('other-name')`);
      await run(`pgmq.send('odd-NAME', '1')`);
      assert.deepEqual(await run(`pgmq.drop_queue('odd-name')`), [true]);
      await exec(`drop table pgmq."a_other-name_old"`);
    });

    check("how many partitions are made ahead can be chosen", async () => {
      await run("pgmq.create_partitioned('ahead', '10', '100', 2)");
      await run("pgmq.create_partitioned('named', premake => 2)");
      assert.equal((await settings("q_ahead"))[0]?.premake, 2);
    });

    check("dropping it leaves nothing in the schema of pg_partman", async () => {
      await run("pgmq.create_partitioned('gone', '10', '100')");
      await run("pgmq.drop_queue('gone')");
      assert.deepEqual(await run("relname from pg_class where relname ~ 'gone'"), []);
    });
  });

  check(`workers work on it (${kind})`, async () => {
    await run(
      "pgmq.create_partitioned('worked', '10', '100'), pgmq.create_partitioned('worked_dlq')",
    );
    setup({ sql: database().sql });
    const queue = createQueue<number>("worked", { group: (n) => String(n % 3) });
    await queue.create();
    await queue.enqueueMany(Array.from({ length: 30 }, (_, at) => at));
    const seen: number[] = [];
    const onNumber = processor(queue, { grouped: true }, (n) => {
      seen.push(n);
      if (n === 7) throw new Error("seven");
    });
    await new Worker({ processors: [onNumber], concurrencyLimit: 3 }).drain();
    assert.equal(new Set(seen).size, 30);
    const { archived, dead } = await queue.stats();
    assert.deepEqual([archived, dead], [30, 1]);
    await assert.rejects(queue.enqueue(1, { key: "a" }), { code: "MISSING_INDEX" });
  });
});
