import assert from "node:assert/strict";
import { faults, sendGroups, type Subject } from "../_support/faults.ts";

/** Sends 1 to 50 and moves some of them to the end of the table. */
async function scattered({ exec }: Subject): Promise<void> {
  await exec(`
    select pgmq.send_batch('q', array(select to_jsonb(n) from generate_series(1, 50) n));
    update pgmq.q_q set read_ct = 0 where msg_id % 3 = 0;
    update pgmq.q_q set read_ct = 0 where msg_id < 10;
    analyze pgmq.q_q;`);
}

/** Whatever plan the sizes suggest, a call brings all fifty in order. */
async function rising(subject: Subject, call: string): Promise<void> {
  for (const other of ["hashjoin", "nestloop"]) {
    await scattered(subject);
    await using session = await subject.open();
    await session.exec(`set local enable_${other} = off`);
    const ids = await session.run(`msg_id from pgmq.${call}`);
    assert.deepEqual(ids, await session.run("generate_series(1, 50)"), `without ${other}`);
    await session.exec("truncate pgmq.q_q restart identity");
    await session.commit();
  }
}

faults("The order of rows", {
  "read goes by id, wherever rows lie on disk": (subject) => rising(subject, "read('q', 0, 50)"),

  "pop does": (subject) => rising(subject, "pop('q', 50)"),

  "set_vt does": (subject) =>
    rising(subject, "set_vt('q', array(select 51 - n from generate_series(1, 50) n), 0)"),

  "read_grouped does within a group": (subject) => rising(subject, "read_grouped('q', 0, 50)"),

  "read_grouped doesn't jump over a delayed message": async (subject) => {
    await sendGroups(subject, "a0 b0 a60 b0 a0 b0");
    const ids = await subject.run("msg_id from pgmq.read_grouped('q', 60, 9)");
    assert.deepEqual(ids.toSorted(), [1, 2, 4, 6]);
  },

  "read_grouped_rr doesn't": async (subject) => {
    await sendGroups(subject, "a0 b0 a60 b0 a0 b0");
    const ids = await subject.run("msg_id from pgmq.read_grouped_rr('q', 60, 9)");
    assert.deepEqual(ids.toSorted(), [1, 2, 4, 6]);
  },
});
