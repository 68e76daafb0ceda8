import assert from "node:assert/strict";
import { it } from "node:test";
import postgres from "postgres";
import { conformance, ids } from "../_support/conformance.ts";

interface Queue {
  readonly queue_name: string;
  readonly is_partitioned: boolean;
  readonly is_unlogged: boolean;
  readonly created_at: Date;
}

conformance("Queues", "1.5", ({ since, database, exec, run, rows, fails, send, now }) => {
  const queues = async () => await rows<Queue>("pgmq.list_queues() order by queue_name");
  const names = async () => (await queues()).map(({ queue_name }) => queue_name);
  /** Tables of a queue that are there, `u` where they are unlogged. */
  const tables = async (name: string) =>
    await run(`relname || ' ' || relpersistence::text from pg_class
      where oid in (to_regclass('pgmq."q_${name}"'), to_regclass('pgmq."a_${name}"'))
      order by relname`);

  for (const create of ["create", "create_non_partitioned"]) {
    it(`${create} makes queue, archive and a row in meta; again nothing happens`, async () => {
      const before = await now();
      await run(`pgmq.${create}('r')`);
      assert.deepEqual(await tables("r"), ["a_r p", "q_r p"]);
      const { created_at, ...row } = (await queues())[1]!;
      assert.deepEqual(row, { queue_name: "r", is_partitioned: false, is_unlogged: false });
      assert.ok(created_at >= before && created_at <= await now());

      await run("pgmq.send('r', '1')");
      for (const again of ["create", "create_non_partitioned", "create_unlogged"]) {
        await run(`pgmq.${again}(queue_name => 'r')`);
      }
      assert.deepEqual((await queues())[1], { ...row, created_at });
      assert.deepEqual(await tables("r"), ["a_r p", "q_r p"]);
      assert.deepEqual(ids(await rows("pgmq.q_r")), [1]);
    });
  }

  it("create_unlogged makes an unlogged queue and a logged archive; again nothing", async () => {
    await run("pgmq.create_unlogged('u')");
    await run("pgmq.create_unlogged('u'), pgmq.create('u')");
    assert.deepEqual(await tables("u"), ["a_u p", "q_u u"]);
    assert.deepEqual((await queues()).map(({ is_unlogged }) => is_unlogged), [false, true]);
  });

  it("an unlogged queue works like another", async () => {
    await run("pgmq.create_unlogged('u')");
    await run("pgmq.send_batch('u', array['1', '2', '3']::jsonb[])");
    assert.deepEqual(ids(await rows("pgmq.read('u', 60, 1)")), [1]);
    assert.deepEqual(await run("pgmq.archive('u', 1), pgmq.delete('u', 2)"), [true]);
    assert.deepEqual(await run("total_messages from pgmq.metrics('u')"), ["3"]);
    assert.deepEqual(await run("pgmq.purge_queue('u')"), ["1"]);
    assert.deepEqual(ids(await rows("pgmq.a_u")), [1]);
    assert.deepEqual(await run("pgmq.drop_queue('u')"), [true]);
  });

  it("a queue that is created in a transaction goes with it", async () => {
    await assert.rejects(exec("select pgmq.create('r'), pgmq.send('r', '1'); select 1 / 0"), {
      code: "22012",
    });
    assert.deepEqual(await names(), ["q"]);
    assert.deepEqual(await tables("r"), []);
  });

  since("1.6", () => {
    it("many creates of one name at once all succeed", async () => {
      await run("pgmq.drop_queue('q')");
      const creates = ["create", "create_non_partitioned"].flatMap((create) => {
        return Array.from({ length: 5 }, () => run(`pgmq.${create}('r')`));
      });
      await Promise.all(creates);
      assert.deepEqual(await names(), ["r"]);
      await Promise.all(Array.from({ length: 10 }, () => run("pgmq.create_unlogged('u')")));
      assert.deepEqual(await names(), ["r", "u"]);
    });

    it("of many drops at once one says that it was there", async () => {
      const drops = Array.from({ length: 8 }, () => run("pgmq.drop_queue('q')"));
      const dropped = (await Promise.all(drops)).flat().filter((there) => there);
      assert.deepEqual(dropped, [true]);
    });

    it("dropping an unknown queue is false", async () => {
      assert.deepEqual(await run("pgmq.drop_queue('no')"), [false]);
      assert.deepEqual(await run("pgmq.drop_queue(null)"), [false]);
    });
  });

  it("drop_queue takes tables and row, of this queue alone", async () => {
    await run("pgmq.create('r')");
    assert.deepEqual(await run("pgmq.drop_queue('q')"), [true]);
    assert.deepEqual(await tables("q"), []);
    assert.deepEqual(await names(), ["r"]);
    assert.deepEqual(await tables("r"), ["a_r p", "q_r p"]);
    await fails("42P01", "pgmq.send('q', '1')");
    await run("pgmq.create('q')");
    assert.deepEqual(await run("pgmq.send('q', '1')"), ["1"]);
  });

  it("the deprecated form of drop_queue warns and is always true", async () => {
    const warnings: unknown[] = [];
    const sql = postgres(database().url, {
      max: 1,
      onnotice: ({ severity }) => warnings.push(severity),
    });
    try {
      for (const [name, partitioned] of [["q", false], ["no", false], ["no", true]] as const) {
        const [row] = await sql`select pgmq.drop_queue(${name}, ${partitioned}) as dropped`;
        assert.equal(row?.dropped, true);
      }
    } finally {
      await sql.end();
    }
    assert.equal(warnings.filter((severity) => severity === "WARNING").length, 3);
    assert.deepEqual(await names(), []);
    assert.deepEqual(await tables("q"), []);
  });

  since("1.11", () => {
    it("drop_queue takes bindings and notify settings along", async () => {
      await run("pgmq.create('r')");
      for (const name of ["q", "r"]) {
        await run(`pgmq.bind_topic('a', '${name}'), pgmq.enable_notify_insert('${name}')`);
      }
      await run("pgmq.drop_queue('q')");
      assert.deepEqual(await run("queue_name from pgmq.list_topic_bindings()"), ["r"]);
      assert.deepEqual(await run("queue_name from pgmq.list_notify_insert_throttles()"), ["r"]);
    });
  });

  it("list_queues are the rows of meta", async () => {
    await run("pgmq.create('b'), pgmq.create_unlogged('a')");
    assert.deepEqual(await queues(), await rows<Queue>("pgmq.meta order by queue_name"));
    assert.deepEqual(await names(), ["a", "b", "q"]);
  });

  it("purge_queue counts all that it removes, keeps numbering and archive", async () => {
    await send(4);
    await run("pgmq.archive('q', 1)");
    await rows("pgmq.read('q', 60, 1)");
    await run("pgmq.send('q', '1', 60)");
    assert.deepEqual(await run("pgmq.purge_queue('q')"), ["4"]);
    assert.deepEqual(await rows("pgmq.q_q"), []);
    assert.deepEqual(await run("pgmq.purge_queue('q')"), ["0"]);
    assert.deepEqual(await run("pgmq.send('q', '1')"), ["6"]);
    assert.deepEqual(ids(await rows("pgmq.a_q")), [1]);
  });

  it("detach_archive does nothing that can be seen", async () => {
    await send(1);
    await run("pgmq.archive('q', 1)");
    for (const name of ["'q'", "'no'", "null"]) {
      await run(`pgmq.detach_archive(queue_name => ${name})`);
    }
    assert.deepEqual(ids(await rows("pgmq.a_q")), [1]);
    assert.deepEqual(await names(), ["q"]);
  });

  it("without pg_partman there are no partitioned queues", async () => {
    for (const more of ["", ", '5'", ", '1 day', '7 days'"]) {
      await fails("P0001", `pgmq.create_partitioned('p'${more})`, /pg_partman/);
    }
    assert.deepEqual(await names(), ["q"]);
    assert.deepEqual(await tables("p"), []);
  });

  it("without pg_partman no archive is converted, and an unknown one is let be", async () => {
    await send(1);
    await run("pgmq.archive('q', 1)");
    await assert.rejects(run("pgmq.convert_archive_partitioned('q')"));
    assert.deepEqual(ids(await rows("pgmq.a_q")), [1]);
    assert.deepEqual(await run("to_regclass('pgmq.a_q_old')"), [null]);
    await run("pgmq.convert_archive_partitioned('no', '5', '50', 4)");
  });
});
