import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as v from "valibot";
import { callable, count, duration, interval, parseOptions } from "../../src/core/options.ts";

const schema = v.strictObject({
  delay: v.optional(duration, 0),
  every: v.optional(interval, "1s"),
  limit: v.optional(count(2), 2),
  run: v.optional(callable),
  name: v.optional(v.string("a string")),
  keep: v.optional(
    v.union([v.boolean(), v.strictObject({ ttl: duration })], "a boolean or { ttl }"),
    true,
  ),
});
const parse = (options: unknown) => parseOptions(schema, options, "the thing");

describe("parseOptions", () => {
  it("fills in defaults and converts durations", () => {
    assert.deepEqual(parse({}), { delay: 0, every: 1000, limit: 2, keep: true });
    assert.deepEqual(parse({ delay: "2m", every: 0.5, limit: 3, keep: { ttl: "1d" } }), {
      delay: 120_000,
      every: 500,
      limit: 3,
      keep: { ttl: 86_400_000 },
    });
  });

  it("takes undefined for left out", () => {
    assert.equal(parse({ delay: undefined, limit: undefined }).limit, 2);
  });

  const wrong: readonly [Record<string, unknown>, RegExp][] = [
    [{ delay: "soon" }, /: delay must be a duration .*: current value is "soon"$/],
    [{ every: 0 }, /: every must be a duration above zero: current value is 0$/],
    [{ every: "-1s" }, /: every must be a duration .*: current value is "-1s"$/],
    [{ limit: 1 }, /: limit must be a whole number of at least 2: current value is 1$/],
    [{ limit: 2.5 }, /: limit must be a whole number of at least 2: current value is 2\.5$/],
    [{ limit: "5" }, /: limit must be a whole number of at least 2: current value is "5"$/],
    [{ limit: NaN }, /: limit must be a whole number .*: current value is NaN$/],
    [{ limit: 1e300 }, /: limit must be a whole number .*: current value is 1e\+300$/],
    [{ limit: null }, /: limit must be a whole number .*: current value is null$/],
    [{ run: "text" }, /: run must be a function: current value is "text"$/],
    [{ name: 5 }, /: name must be a string: current value is 5$/],
    [{ keep: { ttl: "x" } }, /: keep(\.ttl)? must be .*: current value is .*"x"/],
    [{ keep: { tll: "1d" } }, /keep.*"?tll/],
  ];
  for (const [options, message] of wrong) {
    it(`names the option and the value of ${JSON.stringify(options)}`, () => {
      assert.throws(() => parse(options), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        assert.ok(error.message.includes("the thing"));
        return true;
      });
    });
  }

  it("names an unknown option and whose it is", () => {
    const message = "Unknown option dely of the thing";
    assert.throws(() => parse({ dely: 5 }), new TypeError(message));
    assert.throws(() => parse({ dely: undefined }), new TypeError(message));
  });

  for (const options of [null, 5, "text", true, () => {}, [], ["delay"]]) {
    it(`refuses ${String(options) || "an empty list"} for an object`, () => {
      assert.throws(() => parse(options), TypeError);
    });
  }
});
