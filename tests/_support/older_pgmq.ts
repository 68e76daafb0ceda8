/**
 * The pgmq of the time of version 1.5, the oldest that the library works with: what the genuine one
 * was before its tables had `last_read_at`.
 *
 * @module
 */

import { genuinePgmqSql } from "./genuine_pgmq.ts";

/** Column, assignment and mention in a list, each with the comma that would be left over. */
const lastRead =
  /(m\.)?last_read_at( timestamp with time zone| = clock_timestamp\(\))?,\s*|,\s*last_read_at = clock_timestamp\(\)/gi;

/** What came after 1.5. Each of these statements fails if there is nothing to drop. */
const additions = `
  drop function
    pgmq.read_grouped, pgmq.read_grouped_with_poll, pgmq.read_grouped_head,
    pgmq.read_grouped_rr, pgmq.read_grouped_rr_with_poll,
    pgmq.create_fifo_index, pgmq.create_fifo_indexes_all, pgmq._create_fifo_index_if_not_exists,
    pgmq.set_vt(text, bigint[], integer), pgmq.set_vt(text, bigint[], timestamptz),
    pgmq.notify_queue_listeners, pgmq.enable_notify_insert, pgmq.disable_notify_insert,
    pgmq.update_notify_insert, pgmq.list_notify_insert_throttles,
    pgmq.validate_routing_key, pgmq.validate_topic_pattern, pgmq.bind_topic, pgmq.unbind_topic,
    pgmq.list_topic_bindings(), pgmq.list_topic_bindings(text), pgmq.test_routing,
    pgmq.send_topic(text, jsonb), pgmq.send_topic(text, jsonb, integer),
    pgmq.send_topic(text, jsonb, jsonb, integer),
    pgmq.send_batch_topic(text, jsonb[]), pgmq.send_batch_topic(text, jsonb[], jsonb[]),
    pgmq.send_batch_topic(text, jsonb[], integer), pgmq.send_batch_topic(text, jsonb[], timestamptz),
    pgmq.send_batch_topic(text, jsonb[], jsonb[], integer),
    pgmq.send_batch_topic(text, jsonb[], jsonb[], timestamptz);
  drop table pgmq.notify_insert_throttle, pgmq.topic_bindings;`;

/** The forms that 1.5 had of functions which later versions built upon others. */
const forms = `
  alter function pgmq.pop(text, integer) rename to _pop;
  create function pgmq.pop(queue_name text) returns setof pgmq.message_record language sql as $$
    select * from pgmq._pop(queue_name, 1)
  $$;
  alter function pgmq.set_vt(text, bigint, timestamptz) rename to _set_vt;
  create or replace function pgmq.set_vt(queue_name text, msg_id bigint, vt integer)
  returns setof pgmq.message_record language sql as $$
    select * from pgmq._set_vt(queue_name, msg_id, clock_timestamp() + make_interval(secs => vt))
  $$;`;

/** The whole of it as a script with the schema it expects, for a database without pgmq. */
export async function olderPgmqSql(): Promise<string> {
  const sql = (await genuinePgmqSql()).replaceAll(lastRead, "");
  const left = sql.split("\n").filter((line) => line.includes("last_read_at"));
  if (left.length > 0) throw new Error(`last_read_at is still in ${left.join("\n")}`);
  return [sql, additions, forms].join("\n");
}
