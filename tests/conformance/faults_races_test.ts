import assert from "node:assert/strict";
import { faults, sendGroups, type Subject } from "../_support/faults.ts";

/** Stops a reader that isn't the owner of the queue at its first row, until the key is free. */
async function gated({ exec }: Subject, key: number): Promise<void> {
  await exec(`
    create or replace function public.pass() returns boolean language plpgsql as $$
    begin
      perform pg_advisory_lock_shared(${key});
      perform pg_advisory_unlock_shared(${key});
      return true;
    end
    $$;
    alter table pgmq.q_q enable row level security;
    create policy gate on pgmq.q_q using (public.pass());
    grant usage on schema pgmq to pg_signal_backend;
    grant select, update on pgmq.q_q to pg_signal_backend`);
}

faults("Races", {
  "two read_grouped_rr that overlap don't share a group": overlapping,

  "nor do they with the index": async (subject) => {
    await subject.exec("select pgmq.create_fifo_index('q')");
    await overlapping(subject);
  },

  "groups of the same name in two queues don't block each other": async (subject) => {
    await sendGroups(subject, "a0");
    await subject.exec(`select pgmq.create('r');
      select pgmq.send('r', '1', '{"x-pgmq-group": "a"}'::jsonb)`);
    await using reader = await subject.open();
    await reader.run("pgmq.read_grouped_rr('q', 60, 1)");
    const ids = await subject.run("msg_id from pgmq.read_grouped_rr('r', 60, 1)");
    assert.deepEqual(ids, [1]);
  },

  "read_grouped_rr of one message leaves the next group to others": (subject) =>
    leavesOthers(subject, "read_grouped_rr"),

  "read_grouped of one message does": (subject) => leavesOthers(subject, "read_grouped"),

  "read_grouped_rr doesn't lock every group in shared memory": async ({ exec, open }) => {
    await exec(`select pgmq.send_batch('q', array_fill('1'::jsonb, array[300]),
      array(select jsonb_build_object('x-pgmq-group', n) from generate_series(1, 300) n))`);
    await using reader = await open();
    const locks = "count(*) from pg_locks where pid = pg_backend_pid() and locktype <> 'relation'";
    await reader.run("pgmq.read_grouped_rr('q', 60, 1)");
    const [few] = await reader.run(locks);
    assert.ok(few as number < 10, `${few} locks`);
  },

  "purge_queue counts what was sent while it waited": async ({ open, run, waits }) => {
    await using sender = await open();
    await sender.run("pgmq.send('q', '1')");
    const purging = run("pgmq.purge_queue('q')");
    if (!await waits(purging, sender)) throw new Error("purge_queue has not waited");
    assert.deepEqual([await purging, await run("count(*) from pgmq.q_q")], [[1], [0]]);
  },

  "metrics_all passes over a queue that is dropped meanwhile": async (
    { exec, open, run, waits },
  ) => {
    await exec("select pgmq.create('going')");
    await using other = await open();
    await other.run("pgmq.drop_queue('going')");
    const listing = run("queue_name from pgmq.metrics_all()");
    await assert.doesNotReject(waits(listing, other));
    assert.deepEqual(await listing, ["q"]);
  },
});

async function leavesOthers(subject: Subject, reading: string): Promise<void> {
  await sendGroups(subject, "a0 b0 a0 b0 c0");
  await using first = await subject.open();
  await using second = await subject.open();
  const call = `msg_id from pgmq.${reading}('q', 60, 1)`;
  assert.deepEqual(await first.run(call), [1]);
  assert.deepEqual(await second.run(call), [2]);
  assert.deepEqual(await subject.run(call), [5]);
}

async function overlapping(subject: Subject): Promise<void> {
  await sendGroups(subject, "a0 b0 a0 b0 a0 b0");
  await gated(subject, 42);
  await using gate = await subject.open();
  await gate.exec("select pg_advisory_xact_lock(42)");
  await using late = await subject.open();
  await late.exec("set local role pg_signal_backend");

  let early: unknown[] = [];
  const reading = late.run("msg_id from pgmq.read_grouped_rr('q', 60, 9)");
  const held = await subject.waits(reading, {
    ...gate,
    // By now the late reader knows the queue as it was before, and has not locked anything.
    async commit() {
      early = await subject.run("msg_id from pgmq.read_grouped_rr('q', 60, 2)");
      await gate.commit();
    },
  });
  if (!held) throw new Error("the late reader was not held at the gate");
  if (String(early) !== "1,2") throw new Error(`the early reader has got ${early}`);
  assert.deepEqual(await reading, []);
}
