import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { check, type StandardSchemaV1, toJson } from "../../src/core/input.ts";

/** A schema of a library of its own: a validate function is all that Standard Schema asks for. */
function handWritten<Output>(
  validate: StandardSchemaV1.Props<unknown, Output>["validate"],
): StandardSchemaV1<unknown, Output> {
  return { "~standard": { version: 1, vendor: "by hand", validate } };
}

describe("check with valibot", () => {
  const schema = v.object({
    userId: v.number(),
    tags: v.optional(v.array(v.pipe(v.string(), v.minLength(2))), []),
    at: v.optional(v.pipe(v.string(), v.isoTimestamp(), v.transform((text) => new Date(text)))),
  });

  it("hands over what the schema makes of the value", async () => {
    const value = { userId: 1, at: "2030-01-02T03:04:05Z", extra: true };
    assert.deepEqual(await check(schema, value), {
      value: { userId: 1, tags: [], at: new Date("2030-01-02T03:04:05Z") },
    });
  });

  const problems: readonly [unknown, string][] = [
    [{ userId: "x" }, 'userId: expected number, received "x"'],
    [{}, "userId: is missing"],
    [
      { userId: 1, tags: ["ok", "b", 3] },
      "tags.1: expected >=2, received 1; " +
      "tags.2: expected string, received 3",
    ],
    [null, "expected Object, received null"],
    ["text", 'expected Object, received "text"'],
  ];
  for (const [value, problem] of problems) {
    it(`says what is wrong with ${JSON.stringify(value)}`, async () => {
      assert.deepEqual(await check(schema, value), { problem });
    });
  }

  it("keeps the words of a rule that has only those", async () => {
    const even = v.object({ n: v.pipe(v.number(), v.check((n) => n % 2 === 0, "must be even")) });
    assert.deepEqual(await check(even, { n: 3 }), { problem: "n: must be even" });
  });

  it("waits for an asynchronous schema", async () => {
    const free = v.pipeAsync(
      v.string(),
      v.checkAsync((name) => Promise.resolve(name !== "taken"), "is taken"),
      v.transformAsync((name) => Promise.resolve(name.toUpperCase())),
    );
    assert.deepEqual(await check(free, "ada"), { value: "ADA" });
    assert.deepEqual(await check(free, "taken"), { problem: "is taken" });
  });
});

describe("check with a hand-written schema", () => {
  it("takes its output, even undefined", async () => {
    const schema = handWritten(() => ({ value: undefined }));
    assert.deepEqual(await check(schema, 5), { value: undefined });
  });

  it("waits for a promise", async () => {
    const double = handWritten((value) => Promise.resolve({ value: Number(value) * 2 }));
    assert.deepEqual(await check(double, 21), { value: 42 });
  });

  it("shows paths of keys, of objects with keys, and none", async () => {
    const issues = [
      { message: "too long", path: ["list", 0, { key: "name" }] },
      { message: "odd", path: [Symbol("mark")] },
      { message: "empty path", path: [] },
      { message: "no path" },
    ];
    const problem = "list.0.name: too long; Symbol(mark): odd; empty path; no path";
    assert.deepEqual(await check(handWritten(() => ({ issues })), {}), { problem });
  });

  it("passes on what the schema throws", async () => {
    const broken = handWritten(() => {
      throw new RangeError("broken schema");
    });
    await assert.rejects(check(broken, 1), RangeError);
  });
});

describe("check without a schema", () => {
  it("takes everything as it is", async () => {
    const value = { anything: [1] };
    const checked = await check(undefined, value);
    assert.equal((checked as { value: unknown }).value, value);
  });
});

describe("toJson", () => {
  const travels: readonly [unknown, string][] = [
    [null, "null"],
    [false, "false"],
    ["text", '"text"'],
    [[1, undefined], "[1,null]"],
    [{ at: new Date(0), no: undefined }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    [{ path: "C:\\u0000\\ud800" }, '{"path":"C:\\\\u0000\\\\ud800"}'],
    ["😀", '"😀"'],
  ];
  for (const [task, text] of travels) {
    it(`makes ${text}`, () => assert.deepEqual(toJson(task), { text }));
  }

  const round: { self?: unknown } = {};
  round.self = round;
  const refused: readonly [string, unknown, RegExp][] = [
    ["undefined", undefined, /^expected JSON, received undefined$/],
    ["a function", () => {}, /^expected JSON, received /],
    ["a symbol", Symbol("x"), /^expected JSON, received Symbol\(x\)$/],
    ["a bigint", { n: 1n }, /BigInt/],
    ["a circle", round, /cycl|circular/i],
    ["NUL, which Postgres can't store", { text: "a\0b" }, /NUL/],
    ["NUL in a key", { "a\0": 1 }, /NUL/],
    ["half a surrogate pair", ["\ud83d"], /surrogate/],
    ["NUL after a backslash", "\\\0", /NUL/],
  ];
  for (const [title, task, problem] of refused) {
    it(`refuses ${title}`, () => {
      const result = toJson(task);
      assert.ok("problem" in result);
      assert.match(result.problem, problem);
    });
  }
});
