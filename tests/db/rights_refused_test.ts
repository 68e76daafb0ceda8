import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { close, createQueue, setup } from "../../mod.ts";
import { backends } from "../_support/backend.ts";
import { type Role, roles, type RolesDatabase, rolesDatabase } from "../_support/roles.ts";

/** What only the owner of pgmq may do. */
const toManage = [
  "select pgmq.create('another')",
  "select pgmq.create_non_partitioned('another')",
  "select pgmq.create_unlogged('another')",
  "select pgmq.drop_queue('q')",
  "select pgmq.purge_queue('q')",
  "select pgmq.create_fifo_index('q')",
  "select pgmq.create_fifo_indexes_all()",
  "select pgmq.enable_notify_insert('q')",
  "select pgmq.update_notify_insert('q', 1)",
  "select pgmq.disable_notify_insert('q')",
  "select pgmq.bind_topic('b', 'q')",
  "select pgmq.unbind_topic('t', 'q')",
  "insert into pgmq.meta values ('another', false, false)",
  "update pgmq.meta set is_unlogged = true",
  "delete from pgmq.meta",
  "insert into pgmq.topic_bindings (pattern, queue_name) values ('b', 'q')",
  "update pgmq.topic_bindings set queue_name = 'q_dlq'",
  "delete from pgmq.topic_bindings",
  "update pgmq.notify_insert_throttle set throttle_interval_ms = 1000000",
  "delete from pgmq.notify_insert_throttle",
  "truncate pgmq.q_q",
  "truncate pgmq.a_q",
  "drop table pgmq.q_q",
  "drop schema pgmq cascade",
  "alter table pgmq.q_q add column mine int",
  "create table pgmq.mine ()",
  "create function pgmq.mine() returns int language sql return 1",
  "create index on pgmq.q_q (enqueued_at)",
  "create trigger mine before insert on pgmq.q_q execute function suppress_redundant_updates_trigger()",
  "select setval('pgmq.q_q_msg_id_seq', 1000)",
  "update pgmq.a_q set message = '2'",
];

/** What only workers may do besides. */
const toWork = [
  "select * from pgmq.read('q', 0, 1)",
  "select * from pgmq.read_with_poll('q', 0, 1, 1)",
  "select * from pgmq.read_grouped('q', 0, 1)",
  "select * from pgmq.read_grouped_with_poll('q', 0, 1, 1)",
  "select * from pgmq.read_grouped_rr('q', 0, 1)",
  "select * from pgmq.read_grouped_rr_with_poll('q', 0, 1, 1)",
  "select * from pgmq.read_grouped_head('q', 0, 1)",
  "select * from pgmq.pop('q')",
  "select * from pgmq.set_vt('q', 1, 0)",
  "select * from pgmq.set_vt('q', array[1], 0)",
  "select * from pgmq.set_vt('q', 1, now())",
  "select pgmq.archive('q', 1)",
  "select pgmq.archive('q', array[1])",
  "select pgmq.delete('q', 1)",
  "select pgmq.delete('q', array[1])",
  "update pgmq.q_q set vt = now()",
  "update pgmq.q_q set headers = null",
  "delete from pgmq.q_q",
  "insert into pgmq.a_q (msg_id, vt) values (9, now())",
  "delete from pgmq.a_q",
  "insert into pgmq.q_q (vt, read_ct) values (now(), 9)",
  "insert into pgmq.q_q (msg_id, vt) overriding system value values (1000, now())",
  "insert into pgmq.q_q as t (vt) values (now()) on conflict (msg_id) do update set vt = t.vt",
];

/** What only workers and producers may do: who meets a key locks its task. */
const toSend = [
  "select msg_id from pgmq.q_q for update",
  "select msg_id from pgmq.q_q for key share",
  "select pgmq.send('q', '1')",
  "select pgmq.send('q', '1', '{}'::jsonb, 0)",
  "select pgmq.send_batch('q', array['1']::jsonb[])",
  "select pgmq.send_topic('t', '1')",
  "select pgmq.send_batch_topic('t', array['1']::jsonb[])",
  "insert into pgmq.q_q (vt) values (now())",
  "select pgmq.send('q_dlq', '1')",
];

/** What only workers and observers may do. */
const toLook = [
  "select * from pgmq.q_q",
  "select message from pgmq.q_q",
  "select 1 from pgmq.q_q where message = '1'",
  "select q from pgmq.q_q q",
  "insert into pgmq.q_q (vt, message) values (now(), '1') returning message",
  "select msg_id from pgmq.a_q",
  "select message from pgmq.a_q",
  "select message from pgmq.q_q_dlq",
  "select * from pgmq.list_queues()",
];

/** What only observers may do. */
const toMeasure = [
  "select * from pgmq.metrics('q')",
  "select * from pgmq.metrics_all()",
];

const refused: Readonly<Record<Role, readonly string[]>> = {
  producer: [...toManage, ...toWork, ...toLook, ...toMeasure],
  worker: [...toManage, ...toMeasure],
  observer: [...toManage, ...toWork, ...toSend],
  other: [...toManage, ...toWork, ...toSend, ...toLook, ...toMeasure],
};

for (const kind of backends) {
  describe(`rights on ${kind} pgmq`, () => {
    let database: RolesDatabase;
    /** Those that this version has. */
    const possible = new Set<string>();

    before(async () => {
      database = await rolesDatabase({ pgmq: kind });
      const { owner } = database;
      setup({ sql: owner });
      await createQueue("q").create();
      await owner`select pgmq.send('q', '1')`;
      if (kind !== "older") {
        await owner`select pgmq.bind_topic('t', 'q'), pgmq.enable_notify_insert('q')`;
      }
      for (const statement of new Set(Object.values(refused).flat())) {
        if (await isPossible(statement)) possible.add(statement);
      }
    });
    after(async () => {
      await close();
      await database?.[Symbol.asyncDispose]();
    });

    /** Runs a statement as the owner and undoes it: no test should pass because of a misspelling. */
    async function isPossible(statement: string): Promise<boolean> {
      const undo = new Error("undo");
      const error = await database.owner.begin(async (tx) => {
        await tx.unsafe(statement);
        throw undo;
      }).catch((error) => error);
      const absent = ["42883", "42P01"].includes(error.code);
      if (kind === "older" && absent) return false;
      assert.equal(error.message, undo.message, statement);
      return true;
    }

    for (const [role, statements] of Object.entries(refused) as [Role, string[]][]) {
      it(`a role that is ${role} is refused everything else`, async () => {
        const found = await Promise.all(
          statements.filter((statement) => possible.has(statement)).map(async (statement) => {
            const error = await database.as(role).unsafe(statement).catch((error) => error);
            return error.code === "42501" ? [] : `${statement}: ${error.message ?? "done"}`;
          }),
        );
        assert.deepEqual(found.flat(), []);
      });
    }

    it("the library says which right is missing, and what to do", async () => {
      const queue = createQueue("q");
      const attempts: readonly [Role, string, () => Promise<unknown>][] = [
        ["producer", "table q_q", () => queue.list()],
        ["producer", "table q_q", () => queue.enqueue(1, { key: "k", replace: "payload" })],
        ["worker", "schema pgmq", () => createQueue("another").create()],
        ["worker", "table q_q", () => queue.purge()],
        ["observer", "table q_q", () => queue.enqueue(1)],
        ["other", "schema pgmq", () => queue.stats()],
      ];
      for (const [role, what, attempt] of attempts) {
        setup({ sql: database.as(role) });
        const message = new RegExp(
          `lacks a right in .* \\(permission denied for ${what}\\): see Rights`,
        );
        await assert.rejects(attempt, { code: "MISSING_RIGHT", message });
      }
    });

    it("nobody passes rights on", async () => {
      const { owner } = database;
      for (const role of roles) {
        // An error for some, a warning for others.
        await database.as(role).unsafe("grant all on pgmq.q_q to public").catch(() => {});
      }
      const [row] = await owner`select has_table_privilege(
        ${database.name("other")}, 'pgmq.q_q', 'select, insert, update, delete') as has`;
      assert.equal(row!.has, false);
    });
  });
}
