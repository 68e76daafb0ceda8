import assert from "node:assert/strict";
import { faults, type Subject } from "../_support/faults.ts";

/**
 * How many messages of `q` a call looks at, by themselves or by their entries in indexes: counted
 * by Postgres, whatever the machine. Undone afterwards.
 */
async function looksAt({ open }: Subject, call: string): Promise<number> {
  await using session = await open();
  const sum = `sum(pg_stat_get_xact_tuples_returned(rel)) from (
    select 'pgmq.q_q'::regclass::oid as rel
    union all select indexrelid from pg_index where indrelid = 'pgmq.q_q'::regclass
  ) every`;
  const [before] = await session.run(sum);
  await session.run(`count(*) from pgmq.${call}`);
  const [after] = await session.run(sum);
  return Number(after) - Number(before);
}

/** Ten thousand messages in a hundred groups, with the index for grouped reads. */
const groups = `
  insert into pgmq.q_q (vt, headers)
  select now(), jsonb_build_object('x-pgmq-group', n % 100) from generate_series(1, 10000) n;
  select pgmq.create_fifo_index('q');
  analyze pgmq.q_q`;

async function grouped(subject: Subject, reading: string): Promise<void> {
  await subject.exec(groups);
  const rows = await looksAt(subject, `${reading}('q', 60, 10)`);
  assert.ok(rows < 2_000, `${rows} rows`);
}

async function pastHidden(subject: Subject, call: string): Promise<void> {
  await subject.exec(`
    insert into pgmq.q_q (vt)
    select now() + case when n <= 50000 then 1 else -1 end * interval '1 h'
    from generate_series(1, 50100) n;
    analyze pgmq.q_q`);
  const rows = await looksAt(subject, call);
  assert.ok(rows < 2_000, `${rows} rows`);
}

faults("What a call looks at", {
  "read_grouped: a few of many messages": (subject) => grouped(subject, "read_grouped"),

  "read_grouped_rr: a few of many messages": (subject) => grouped(subject, "read_grouped_rr"),

  "read_grouped_head: a few of many messages": (subject) => grouped(subject, "read_grouped_head"),

  "grouped reads use the index that create_fifo_index makes": async (subject) => {
    await subject.exec(groups);
    await using session = await subject.open();
    const scans = "pg_stat_get_xact_numscans('pgmq.q_q_fifo_idx'::regclass)";
    const [before] = await session.run(scans);
    await session.run("pgmq.read_grouped('q', 60, 1)");
    assert.notDeepEqual(await session.run(scans), [before]);
  },

  "read: not the hidden messages in front": (subject) => pastHidden(subject, "read('q', 60, 10)"),

  "pop: not the hidden messages in front": (subject) => pastHidden(subject, "pop('q', 10)"),

  "read with a filter: what an index on message finds": async (subject) => {
    await subject.exec(`
      insert into pgmq.q_q (vt, message)
      select now(), jsonb_build_object('n', n) from generate_series(1, 10000) n;
      create index on pgmq.q_q using gin (message jsonb_path_ops);
      analyze pgmq.q_q`);
    const rows = await looksAt(subject, `read('q', 60, 10, '{"n": 8765}')`);
    assert.ok(rows < 100, `${rows} rows`);
  },

  "send_topic: bindings that begin as the key does": async ({ exec, run }) => {
    // Whoever tries the last one is told that it is too complex for a regular expression.
    await exec(`
      select pgmq.bind_topic(format('topic.%s.*', n), 'q') from generate_series(1, 1000) n;
      insert into pgmq.topic_bindings (pattern, queue_name) values ('other' || repeat('.*', 20000), 'q');
      analyze pgmq.topic_bindings`);
    await assert.rejects(run("pgmq.test_routing('other.x')"), { code: "2201B" });
    await assert.doesNotReject(run("pgmq.send_topic('topic.700.x', '1')"));
  },
});
