import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance, type Pgmq } from "../_support/conformance.ts";

interface Throttle {
  readonly queue_name: string;
  readonly throttle_interval_ms: number;
  readonly last_notified_at: Date;
}

/** Long enough for no test to see it end. */
const hour = 3_600_000;

conformance("Notifications", "1.8", (pgmq) => {
  const { since, during, exec, run, rows, fails } = pgmq;
  const throttles = async () => await rows<Throttle>("pgmq.notify_insert_throttle order by 1");
  const intervals = async () =>
    (await throttles()).map((row) => [row.queue_name, row.throttle_interval_ms]);
  const lastTime = async () => (await throttles())[0]?.last_notified_at;

  it("a queue tells nothing unless it is asked to", async () => {
    await using ear = await listen(pgmq, "q");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), []);
  });

  it("an insert is told with an empty payload, whatever inserts", async () => {
    await run("pgmq.enable_notify_insert('q', 0)");
    await using ear = await listen(pgmq, "q");
    for (
      const statement of [
        "select pgmq.send('q', '1')",
        "select pgmq.send('q', '1', '{}', 60)",
        "select pgmq.send_batch('q', '{1,2,3}'::jsonb[])",
        "insert into pgmq.q_q (vt) values (now())",
      ]
    ) {
      await exec(statement);
      assert.deepEqual(await ear.heard(), [""], statement);
    }
  });

  it("nothing else is told", async () => {
    await run("pgmq.create('r')");
    await run("pgmq.send_batch('q', '{1,2,3}'::jsonb[])");
    await run("pgmq.enable_notify_insert('q', 0)");
    await using ear = await listen(pgmq, "q");
    await rows("pgmq.read('q', 0, 9)");
    await run("pgmq.set_vt('q', 1, 60), pgmq.archive('q', 1), pgmq.delete('q', 2)");
    await rows("pgmq.pop('q')");
    await run("pgmq.purge_queue('q'), pgmq.send('r', '1')");
    assert.deepEqual(await ear.heard(), []);
  });

  it("a transaction tells when it commits, once, or never", async () => {
    await run("pgmq.enable_notify_insert('q', 0)");
    await using ear = await listen(pgmq, "q");
    await during("select pgmq.send('q', '1'), pgmq.send('q', '2')", async () => {
      assert.deepEqual(await ear.heard(), []);
    });
    assert.deepEqual(await ear.heard(), [""]);
    const failing = during("select pgmq.send('q', '1')", () => Promise.reject(new Error("no")));
    await assert.rejects(failing, { message: "no" });
    assert.deepEqual(await ear.heard(), []);
  });

  it("each queue has its own channel, also where its name is odd or it is unlogged", async () => {
    for (const [create, name] of [["create", `an "odd" one`], ["create_unlogged", "u"]]) {
      await run(`pgmq.${create}('${name}'), pgmq.enable_notify_insert('q', 0)`);
      await run(`pgmq.enable_notify_insert('${name}', 0)`);
      await using ear = await listen(pgmq, name!);
      await using other = await listen(pgmq, "q");
      await run(`pgmq.send('${name}', '1')`);
      assert.deepEqual([await ear.heard(), await other.heard()], [[""], []]);
    }
  });

  it("within an interval one insert is told, and the time noted", async () => {
    await run(`pgmq.enable_notify_insert('q', ${hour})`);
    assert.deepEqual(await lastTime(), new Date(0));
    await using ear = await listen(pgmq, "q");
    const start = await pgmq.now();
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), [""]);
    const told = await lastTime();
    assert.ok(told! >= start && told! <= await pgmq.now());
    await run("pgmq.send('q', '2')");
    await run("pgmq.send_batch('q', '{3,4}'::jsonb[])");
    assert.deepEqual(await ear.heard(), []);
    assert.deepEqual(await lastTime(), told);
  });

  it("after the interval the next insert is told", async () => {
    await run(`pgmq.enable_notify_insert('q', ${hour}), pgmq.send('q', '1')`);
    await run("pgmq.send('q', '1')");
    await using ear = await listen(pgmq, "q");
    const past = (minutes: number) =>
      exec(`update pgmq.notify_insert_throttle
        set last_notified_at = clock_timestamp() - interval '${minutes} minutes'`);
    await past(59);
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), []);
    await past(61);
    await run("pgmq.send('q', '1')");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), [""]);
  });

  it("the interval may be changed by hand", async () => {
    await run(`pgmq.enable_notify_insert('q', ${hour})`);
    await run("pgmq.send('q', '1')");
    await using ear = await listen(pgmq, "q");
    await exec("update pgmq.notify_insert_throttle set throttle_interval_ms = 0");
    for (let times = 0; times < 2; times++) {
      await run("pgmq.send('q', '1')");
      assert.deepEqual(await ear.heard(), [""]);
    }
  });

  it("each queue has its own interval", async () => {
    await run("pgmq.create('r')");
    await run(`pgmq.enable_notify_insert('q', ${hour}), pgmq.enable_notify_insert('r', ${hour})`);
    await run("pgmq.send('q', '1')");
    await using ear = await listen(pgmq, "r");
    await run("pgmq.send('r', '1')");
    assert.deepEqual(await ear.heard(), [""]);
  });

  it("enabling again replaces the interval and forgets the last time", async () => {
    await run("pgmq.enable_notify_insert('q')");
    assert.deepEqual(await intervals(), [["q", 250]]);
    await run(`pgmq.enable_notify_insert(throttle_interval_ms => ${hour}, queue_name => 'q')`);
    assert.deepEqual(await intervals(), [["q", hour]]);
    await using ear = await listen(pgmq, "q");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), [""]);
    await run(`pgmq.enable_notify_insert('q', ${hour})`);
    assert.deepEqual(await lastTime(), new Date(0));
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), [""]);
  });

  it("an unknown queue, or an interval that is negative or null, is refused", async () => {
    for (const queue of ["'no'", "null"]) {
      await fails("P0001", `pgmq.enable_notify_insert(${queue})`);
    }
    await fails("P0001", "pgmq.enable_notify_insert('q', -1)");
    await fails("23502", "pgmq.enable_notify_insert('q', null)");
    assert.deepEqual(await throttles(), []);
  });

  it("disabling ends it; so it does where there is nothing to end", async () => {
    await run("pgmq.enable_notify_insert('q', 0)");
    await using ear = await listen(pgmq, "q");
    for (const queue of ["q", "q", "no"]) {
      await run(`pgmq.disable_notify_insert(queue_name => '${queue}')`);
    }
    assert.deepEqual(await throttles(), []);
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), []);
    await run("pgmq.enable_notify_insert('q', 0)");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), [""]);
  });

  it("a queue that is dropped takes it along", async () => {
    await run("pgmq.enable_notify_insert('q', 0)");
    await run("pgmq.drop_queue('q')");
    assert.deepEqual(await throttles(), []);
    await run("pgmq.create('q')");
    await using ear = await listen(pgmq, "q");
    await run("pgmq.send('q', '1')");
    assert.deepEqual(await ear.heard(), []);
  });

  since("1.11", () => {
    it("update_notify_insert sets another interval and forgets the last time", async () => {
      await run(`pgmq.enable_notify_insert('q', ${hour})`);
      await using ear = await listen(pgmq, "q");
      await run("pgmq.send('q', '1')");
      assert.deepEqual(await ear.heard(), [""]);
      const update = "pgmq.update_notify_insert(queue_name => 'q', throttle_interval_ms =>";
      await run(`${update} ${hour + 1})`);
      assert.deepEqual(await intervals(), [["q", hour + 1]]);
      assert.deepEqual(await lastTime(), new Date(0));
      await run("pgmq.send('q', '1')");
      assert.deepEqual(await ear.heard(), [""]);
      await run("pgmq.update_notify_insert('q', 0)");
      for (let times = 0; times < 2; times++) {
        await run("pgmq.send('q', '1')");
        assert.deepEqual(await ear.heard(), [""]);
      }
    });

    it("update_notify_insert refuses what isn't enabled or known, and a bad interval", async () => {
      await fails("P0001", "pgmq.update_notify_insert('q', 5)", /enable/);
      for (const queue of ["'no'", "null"]) {
        await fails("P0001", `pgmq.update_notify_insert(${queue}, 5)`);
      }
      await run("pgmq.enable_notify_insert('q', 7)");
      await fails("P0001", "pgmq.update_notify_insert('q', -1)");
      await fails("23502", "pgmq.update_notify_insert('q', null)");
      assert.deepEqual(await intervals(), [["q", 7]]);
    });

    it("list_notify_insert_throttles has the settings by name", async () => {
      for (const name of ["q", "b", "a"]) {
        await run(`pgmq.create('${name}'), pgmq.enable_notify_insert('${name}', 5)`);
        await run(`pgmq.enable_notify_insert('${name}', 5)`);
      }
      await run("pgmq.send('b', '1')");
      const listed = await rows<Throttle>("pgmq.list_notify_insert_throttles()");
      assert.deepEqual(listed.map(({ queue_name }) => queue_name), ["a", "b", "q"]);
      assert.deepEqual(listed, await throttles());
    });
  });
});

/** Listens to the channel of a queue until it is disposed of. */
async function listen({ database }: Pgmq, queue: string) {
  const channel = `pgmq.q_${queue}.INSERT`;
  const { sql } = database();
  const payloads: string[] = [];
  let marked = (_payload: string) => {};
  const { unlisten } = await sql.listen(channel, (payload) => {
    payloads.push(payload);
    marked(payload);
  });
  return {
    /** The payloads since the last call: what was committed before comes before the mark. */
    async heard(): Promise<string[]> {
      const mark = crypto.randomUUID();
      const came = new Promise<void>((resolve) => {
        marked = (payload) => payload === mark && resolve();
      });
      await sql.notify(channel, mark);
      await came;
      return payloads.splice(0).filter((payload) => payload !== mark);
    },
    [Symbol.asyncDispose]: unlisten,
  };
}
