import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";

interface Binding {
  readonly pattern: string;
  readonly queue_name: string;
  readonly bound_at: Date;
  readonly compiled_regex: string;
}

conformance("Bindings", "1.11", ({ exec, run, rows, fails, now }) => {
  const bindings = async (of = "") => await rows<Binding>(`pgmq.list_topic_bindings(${of})`);
  const pairs = async (of = "") =>
    (await bindings(of)).map((row) => `${row.pattern} ${row.queue_name}`);

  it("bind_topic makes a binding, again nothing", async () => {
    const start = await now();
    await run("pgmq.bind_topic('a.*', 'q')");
    const [binding, ...more] = await bindings();
    assert.deepEqual(more, []);
    assert.deepEqual([binding?.pattern, binding?.queue_name], ["a.*", "q"]);
    assert.ok(binding!.bound_at >= start && binding!.bound_at <= await now());
    await run("pgmq.bind_topic(queue_name => 'q', pattern => 'a.*')");
    assert.deepEqual(await bindings(), [binding]);
  });

  it("many at once make one", async () => {
    await Promise.all(Array.from({ length: 8 }, () => run("pgmq.bind_topic('a', 'q')")));
    assert.deepEqual(await pairs(), ["a q"]);
  });

  it("an unknown queue or a bad pattern is refused", async () => {
    for (const queue of ["'no'", "'Q'", "''", "null"]) {
      await fails("P0001", `pgmq.bind_topic('a', ${queue})`);
    }
    for (const pattern of ["''", "null", "'a..b'", "'**'", "'a b'"]) {
      await fails("P0001", `pgmq.bind_topic(${pattern}, 'q')`, /^pattern/);
    }
    assert.deepEqual(await bindings(), []);
  });

  it("unbind_topic says whether there was one, and takes only that one", async () => {
    await run("pgmq.create('r')");
    await run("pgmq.bind_topic('a', 'q'), pgmq.bind_topic('a', 'r'), pgmq.bind_topic('b', 'q')");
    assert.deepEqual(await run("pgmq.unbind_topic('a', 'q')"), [true]);
    assert.deepEqual(await run("pgmq.unbind_topic(queue_name => 'q', pattern => 'a')"), [false]);
    for (const call of ["'c', 'q'", "'a', 'no'", "'not..valid', 'q'"]) {
      assert.deepEqual(await run(`pgmq.unbind_topic(${call})`), [false]);
    }
    assert.deepEqual((await pairs()).toSorted(), ["a r", "b q"]);
  });

  it("bindings are listed newest first, of all queues or of one", async () => {
    await run("pgmq.create('r')");
    for (const [pattern, queue] of [["c", "q"], ["a", "r"], ["b", "q"]]) {
      await run(`pgmq.bind_topic('${pattern}', '${queue}')`);
    }
    assert.deepEqual(await pairs(), ["b q", "a r", "c q"]);
    assert.deepEqual(await pairs("'q'"), ["b q", "c q"]);
    assert.deepEqual(await pairs("queue_name => 'r'"), ["a r"]);
    for (const queue of ["'no'", "'Q'", "null"]) assert.deepEqual(await pairs(queue), []);
    await exec("update pgmq.topic_bindings set bound_at = now() where pattern = 'c'");
    assert.deepEqual(await pairs(), ["c q", "b q", "a r"]);
  });

  it("compiled_regex says what a pattern matches, in the language of Postgres", async () => {
    await run("pgmq.bind_topic('a-1_b.*.c#', 'q')");
    const matches = async (key: string) =>
      (await run(`'${key}' ~ compiled_regex from pgmq.list_topic_bindings()`))[0];
    assert.equal(await matches("a-1_b.x.cd.e"), true);
    assert.equal(await matches("a-1_b.x.y.c"), false);
    assert.equal(await matches("a-1_bbx.c"), false);
    assert.deepEqual(
      await run("compiled_regex from pgmq.test_routing('a-1_b.x.c')"),
      await run("compiled_regex from pgmq.list_topic_bindings()"),
    );
  });
});

const longest = "k".repeat(255);

/** Keys that are fine, and so are patterns. */
const valid = ["a", "A", "7", "-", "_", "a.b", "a.b.c.d", "a-b_c.D.9", "-.-", longest];

/** What is neither a key nor a pattern. */
const invalid = [
  ...["", " ", "a b", "a\tb", "a\nb", "a\n", "ü", "a,b", "a/b", "a:b", "a$", "a;b", "a--b;", "a'b"],
  ...['a"b', "a\\b", "a%", "a+", "a?", "(a)", "[a]", "{a}", "^a", "a|b", "a@b", "a!", "日本"],
  ...[".", "..", ".a", "a.", "a..b", "a...b", `${longest}k`],
];

const wild = ["*", "#", "a.*", "*.a", "a.#", "#.a", "*.*", "#.#", "*.#", "#.*", "a*", "*a", "a*b"];
const unwild = ["**", "##", "*#", "#*", "a.**", "a.##.b", "#*.a", "a*#b", "*.", ".#", "a..#", "*+"];

conformance("Keys and patterns", "1.11", ({ run, fails }) => {
  const literal = (text: string) => `E'${text.replaceAll(/[\\']/g, "\\$&")}'`;

  it("both may have letters, digits, dots, hyphens and underscores", async () => {
    for (const text of valid) {
      assert.deepEqual(await run(`pgmq.validate_routing_key('${text}')`), [true], text);
      assert.deepEqual(await run(`pgmq.validate_topic_pattern('${text}')`), [true], text);
    }
  });

  it("anything else is refused", async () => {
    for (const text of [...invalid.map(literal), "null"]) {
      await fails("P0001", `pgmq.validate_routing_key(${text})`, /^routing_key/);
      await fails("P0001", `pgmq.validate_topic_pattern(${text})`, /^pattern/);
    }
  });

  it("wildcards are for patterns, and stand apart", async () => {
    for (const text of wild) {
      assert.deepEqual(await run(`pgmq.validate_topic_pattern(pattern => '${text}')`), [true]);
      await fails("P0001", `pgmq.validate_routing_key(routing_key => '${text}')`, /^routing_key/);
    }
    for (const text of unwild) {
      await fails("P0001", `pgmq.validate_topic_pattern('${text}')`, /^pattern/);
    }
  });
});

/** Patterns with keys that they match, and keys that they don't. */
const matching: Readonly<Record<string, readonly [string[], string[]]>> = {
  "a": [["a"], ["A", "b", "aa", "a.a", "b.a"]],
  "a.b": [["a.b"], ["a", "aab", "a-b", "a.b.c", "b.a.b", "a.bb", "aa.b"]],
  "a-b_c": [["a-b_c"], ["a-b-c", "a_b_c"]],
  "*": [["a", "abc", "a-b"], ["a.b", "a.b.c"]],
  "a.*": [["a.b", "a.b-c"], ["a", "a.b.c", "b.a", "aa.b"]],
  "*.a": [["b.a"], ["a", "c.b.a", "b.aa"]],
  "*.*": [["a.b"], ["a", "a.b.c"]],
  "a.*.c": [["a.b.c", "a.bb.c"], ["a.c", "a.b.b.c", "a.b.cc"]],
  "a*": [["ab", "abc"], ["a", "a.b", "ba"]],
  "*a": [["ba", "aa"], ["a", "b.a"]],
  "a*c": [["abc", "a-c"], ["ac", "a.c", "abcd"]],
  "#": [["a", "a.b", "a.b.c", longest], []],
  "a.#": [["a.b", "a.b.c", "a.b.c.d"], ["a", "b.a", "aa.b", "b.a.c"]],
  "#.a": [["b.a", "c.b.a"], ["a", "ba", "a.b", "b.a.b"]],
  "a.#.z": [["a.b.z", "a.b.c.z"], ["a.z", "a.b", "a.b.zz", "b.a.c.z"]],
  "a#": [["a", "ab", "a.b", "abc.d"], ["b", "ba"]],
  "ab#": [["ab", "abc.d"], ["a", "a.b", "b.ab"]],
  "#a#": [["a", "bab", "b.a.c"], ["b", "b.c"]],
  "*.#": [["a.b", "a.b.c"], ["a"]],
  "#.*": [["a.b", "a.b.c"], ["a"]],
  "a.*.#": [["a.b.c", "a.b.c.d"], ["a.b", "b.a.c"]],
  "logs.#": [["logs.error", "logs.error.db"], ["logs", "log.s"]],
  "logs.*.error": [["logs.api.error"], ["logs.error", "logs.api.v1.error"]],
};

conformance("Matching", "1.11", ({ exec, run, rows, send }) => {
  for (const [pattern, [keys, others]] of Object.entries(matching)) {
    it(`${pattern} matches the whole key`, async () => {
      await run(`pgmq.bind_topic('${pattern}', 'q')`);
      const found = async (key: string) => await run(`pattern from pgmq.test_routing('${key}')`);
      for (const key of keys) assert.deepEqual(await found(key), [pattern], key);
      for (const key of others) assert.deepEqual(await found(key), [], key);
      // What is tried is what is done.
      for (const key of keys) assert.deepEqual(await run(`pgmq.send_topic('${key}', '1')`), [1]);
      for (const key of others) assert.deepEqual(await run(`pgmq.send_topic('${key}', '1')`), [0]);
    });
  }

  it("test_routing gives every binding that matches, by pattern, and sends nothing", async () => {
    await run("pgmq.create('r')");
    await send(1);
    for (const pattern of ["c.*", "#", "a.b", "a.*", "c.d"]) {
      await run(`pgmq.bind_topic('${pattern}', 'q')`);
    }
    await run("pgmq.bind_topic('a.*', 'r')");
    const found = await rows<Binding>("pgmq.test_routing(routing_key => 'a.b')");
    assert.deepEqual(found.map(({ pattern }) => pattern), ["#", "a.*", "a.*", "a.b"]);
    assert.deepEqual(found.map((row) => row.queue_name).toSorted(), ["q", "q", "q", "r"]);
    assert.deepEqual(Object.keys(found[0]!), ["pattern", "queue_name", "compiled_regex"]);
    assert.deepEqual(await run("queue_length from pgmq.metrics_all() order by 1"), ["0", "1"]);
  });

  it("a binding that was added by hand counts", async () => {
    await exec("insert into pgmq.topic_bindings (pattern, queue_name) values ('a.*', 'q')");
    assert.deepEqual(await run("pgmq.send_topic('a.b', '1')"), [1]);
    await exec("update pgmq.topic_bindings set pattern = 'c.#'");
    assert.deepEqual(await run("pgmq.send_topic('a.b', '1')"), [0]);
    assert.deepEqual(await run("pgmq.send_topic('c.b', '1')"), [1]);
  });
});
