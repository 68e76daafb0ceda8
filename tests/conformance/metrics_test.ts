import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";

interface Metrics {
  readonly queue_name: string;
  readonly queue_length: string;
  readonly newest_msg_age_sec: number | null;
  readonly oldest_msg_age_sec: number | null;
  readonly total_messages: string;
  readonly scrape_time: Date;
  readonly queue_visible_length: string;
}

conformance("Metrics", "1.5", ({ during, exec, run, rows, send, now }) => {
  const metrics = async (name = "q") => {
    const [{ scrape_time: _, ...row }] = await rows<Metrics>(`pgmq.metrics('${name}')`) as [
      Metrics,
    ];
    return row;
  };
  const empty = {
    queue_name: "q",
    queue_length: "0",
    newest_msg_age_sec: null,
    oldest_msg_age_sec: null,
    total_messages: "0",
    queue_visible_length: "0",
  };

  it("an empty queue has no ages", async () => {
    assert.deepEqual(await metrics(), empty);
    assert.equal((await rows("pgmq.metrics('q')")).length, 1);
  });

  it("counts what is there and what is visible", async () => {
    await send(4);
    await run("pgmq.delete('q', 1), pgmq.set_vt('q', 2, 60), pgmq.send('q', '5', 60)");
    const { queue_length, queue_visible_length } = await metrics();
    assert.deepEqual([queue_length, queue_visible_length], ["4", "2"]);
  });

  it("ages are in seconds since messages were sent, rounded", async () => {
    await send(3);
    await exec("update pgmq.q_q set enqueued_at = now() - (4 - msg_id) * interval '100.75 s'");
    const rounded = (end: string) => `round(extract(epoch from scrape_time - ${end}(enqueued_at)))`;
    const [row] = await rows<Record<string, number>>(`(select
      newest_msg_age_sec::int as newest, ${rounded("max")}::int as since_newest,
      oldest_msg_age_sec::int as oldest, ${rounded("min")}::int as since_oldest
      from pgmq.metrics('q'), pgmq.q_q group by 1, 3, scrape_time) ages`);
    assert.equal(row?.newest, row?.since_newest);
    assert.equal(row?.oldest, row?.since_oldest);
    assert.ok(row!.newest! >= 101 && row!.oldest! >= 302);
  });

  it("total is what ever was sent, also what is gone or was rolled back", async () => {
    await send(3);
    await run("pgmq.archive('q', 1)");
    const failing = during("select pgmq.send('q', '1')", () => Promise.reject(new Error("no")));
    await assert.rejects(failing, { message: "no" });
    assert.equal((await metrics()).total_messages, "4");
    await run("pgmq.purge_queue('q')");
    assert.deepEqual(await metrics(), { ...empty, total_messages: "4" });
  });

  it("one message makes one", async () => {
    await send(1);
    assert.deepEqual(await metrics(), {
      queue_name: "q",
      queue_length: "1",
      newest_msg_age_sec: 0,
      oldest_msg_age_sec: 0,
      total_messages: "1",
      queue_visible_length: "1",
    });
  });

  it("the time is that of the scrape", async () => {
    const start = await now();
    const [row] = await rows<Metrics>("pgmq.metrics(queue_name => 'q')");
    assert.ok(row!.scrape_time >= start && row!.scrape_time <= await now());
  });

  it("metrics_all has the same for every queue, each by its name", async () => {
    await run("pgmq.create('Big'), pgmq.create_unlogged('u')");
    await run("pgmq.send('big', '1'), pgmq.send('q', '1', 60)");
    const all = await rows<Metrics>("pgmq.metrics_all() order by queue_name");
    const each = await Promise.all(["Big", "q", "u"].map(metrics));
    assert.deepEqual(all.map(({ scrape_time: _, ...row }) => row), each);
    assert.deepEqual(each.map((row) => row.queue_length), ["1", "1", "0"]);
  });

  it("metrics_all of no queue is nothing", async () => {
    await run("pgmq.drop_queue('q')");
    assert.deepEqual(await rows("pgmq.metrics_all()"), []);
  });
});
