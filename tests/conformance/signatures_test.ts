import assert from "node:assert/strict";
import { it } from "node:test";
import { isOlder } from "../../src/db/pgmq.ts";
import { conformance, type Version } from "../_support/conformance.ts";

const read = "queue_name text, vt integer, qty integer";
const poll = `${read}, max_poll_seconds integer = 5, poll_interval_ms integer = 100`;
const intervals = "partition_interval text = '10000', retention_interval text = '100000'";
const sent = "table(queue_name text, msg_id bigint)";
const message = "setof message_record";
const binding = "pattern text, queue_name text, bound_at timestamptz, compiled_regex text";

/** What may follow the messages of a batch, or one message if `array` is empty. */
const sixForms = (array: string) =>
  ["", `, headers jsonb${array}`].flatMap((headers) => {
    return ["", ", delay integer", ", delay timestamptz"].map((delay) => headers + delay);
  });

/** Every function with its arguments, what they are by default, and what it gives. */
const documented: { readonly [since in Version]?: readonly string[] } = {
  "1.5": [
    "archive(queue_name text, msg_id bigint): boolean",
    "archive(queue_name text, msg_ids bigint[]): setof bigint",
    `convert_archive_partitioned(table_name text, ${intervals}, leading_partition integer = 10): void`,
    "create(queue_name text): void",
    "create_non_partitioned(queue_name text): void",
    `create_partitioned(queue_name text, ${intervals}): void`,
    "create_unlogged(queue_name text): void",
    "delete(queue_name text, msg_id bigint): boolean",
    "delete(queue_name text, msg_ids bigint[]): setof bigint",
    "detach_archive(queue_name text): void",
    "drop_queue(queue_name text): boolean",
    "drop_queue(queue_name text, partitioned boolean): boolean",
    "format_table_name(queue_name text, prefix text): text",
    "list_queues(): setof queue_record",
    "metrics(queue_name text): metrics_result",
    "metrics_all(): setof metrics_result",
    "purge_queue(queue_name text): bigint",
    `read(${read}, conditional jsonb = '{}'): ${message}`,
    `read_with_poll(${poll}, conditional jsonb = '{}'): ${message}`,
    `pop(queue_name text): ${message}`,
    ...sixForms("").map((rest) => `send(queue_name text, msg jsonb${rest}): setof bigint`),
    ...sixForms("[]").map((rest) =>
      `send_batch(queue_name text, msgs jsonb[]${rest}): setof bigint`
    ),
    `set_vt(queue_name text, msg_id bigint, vt integer): ${message}`,
    "validate_queue_name(queue_name text): void",
  ],
  "1.7": [
    "disable_notify_insert(queue_name text): void",
    `pop(queue_name text, qty integer = 1): ${message}`,
  ],
  "1.8": [
    "enable_notify_insert(queue_name text, throttle_interval_ms integer = 250): void",
    `set_vt(queue_name text, msg_ids bigint[], vt integer): ${message}`,
  ],
  "1.9": [
    "create_fifo_index(queue_name text): void",
    "create_fifo_indexes_all(): void",
    `read_grouped(${read}): ${message}`,
    `read_grouped_rr(${read}): ${message}`,
    `read_grouped_rr_with_poll(${poll}): ${message}`,
    `read_grouped_with_poll(${poll}): ${message}`,
  ],
  "1.10": [
    `set_vt(queue_name text, msg_id bigint, vt timestamptz): ${message}`,
    `set_vt(queue_name text, msg_ids bigint[], vt timestamptz): ${message}`,
  ],
  "1.11": [
    "bind_topic(pattern text, queue_name text): void",
    "list_notify_insert_throttles(): " +
    "table(queue_name text, throttle_interval_ms integer, last_notified_at timestamptz)",
    `list_topic_bindings(): table(${binding})`,
    `list_topic_bindings(queue_name text): table(${binding})`,
    ...sixForms("[]").map((rest) => {
      return `send_batch_topic(routing_key text, msgs jsonb[]${rest}): ${sent}`;
    }),
    "send_topic(routing_key text, msg jsonb): integer",
    "send_topic(routing_key text, msg jsonb, delay integer): integer",
    "send_topic(routing_key text, msg jsonb, headers jsonb, delay integer): integer",
    "test_routing(routing_key text): table(pattern text, queue_name text, compiled_regex text)",
    "unbind_topic(pattern text, queue_name text): boolean",
    "update_notify_insert(queue_name text, throttle_interval_ms integer): void",
    "validate_routing_key(routing_key text): boolean",
    "validate_topic_pattern(pattern text): boolean",
  ],
  "1.11.1": [
    `read_grouped_head(${read}): ${message}`,
  ],
};

/** What later versions replaced. */
const replaced: Readonly<Record<string, Version>> = {
  [`pop(queue_name text): ${message}`]: "1.7",
};

/** Arguments that only ours has, at the end of these. */
const further: Readonly<Record<string, string>> = {
  create_partitioned: "premake integer = 4",
  read_with_poll: "direction text = 'ASC'",
  read_grouped_rr: "direction text = 'ASC'",
  read_grouped_rr_with_poll: "direction text = 'ASC'",
};

/** Functions that only ours has. */
const ownFunctions = [`read_grouped_head_with_poll(${poll}): ${message}`];

/** Upstream's, for itself. */
const internal = ["acquire_queue_lock", "notify_queue_listeners"];

conformance("Signatures", "1.5", ({ kind, version, run }) => {
  const expected = Object.entries(documented)
    .flatMap(([since, signatures]) => isOlder(version, since) ? [] : signatures)
    .filter((signature) => isOlder(version, replaced[signature] ?? "99"))
    .map((signature) => kind === "ours" ? withFurther(signature) : signature);

  it("every function is there as documented, and no other", async () => {
    const found = (await run(`
      format('%s(%s): %s', proname, pg_get_function_arguments(oid), pg_get_function_result(oid))
      from pg_proc where pronamespace = 'pgmq'::regnamespace and proname !~ '^_'
        and proname <> all ('{${internal}}')`) as string[]).map(inShort);
    const own = kind === "ours" ? ownFunctions : [];
    assert.deepEqual(found.toSorted(), [...expected, ...own].toSorted());
  });

  it("none of them is strict: each says itself what null means", async () => {
    const strict = "proname from pg_proc where pronamespace = 'pgmq'::regnamespace and proisstrict";
    assert.deepEqual(await run(`${strict} and proname !~ '^_'`), []);
  });
});

function withFurther(signature: string): string {
  const [name] = signature.split("(", 1) as [string];
  return further[name] ? signature.replace(/(?=\): )/, `, ${further[name]}`) : signature;
}

/** A signature of the catalog as it is written above. */
function inShort(signature: string): string {
  return signature
    .replaceAll("timestamp with time zone", "timestamptz")
    .replaceAll(" DEFAULT ", " = ")
    .replaceAll(/'::(?:text|jsonb)/g, "'")
    .replaceAll("pgmq.", "")
    .replaceAll(/SETOF|TABLE/g, (word) => word.toLowerCase());
}
