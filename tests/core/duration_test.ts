import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Duration, milliseconds, parseDuration, shown } from "../../src/core/duration.ts";

describe("milliseconds", () => {
  const good: readonly [Duration, number][] = [
    [0, 0],
    [1, 1000],
    [0.25, 250],
    ["0s", 0],
    ["250ms", 250],
    ["0.5ms", 0.5],
    ["1.5s", 1500],
    ["2m", 120_000],
    ["12h", 43_200_000],
    ["7d", 604_800_000],
    ["36500d", 3_153_600_000_000],
  ];
  for (const [duration, expected] of good) {
    it(`of ${JSON.stringify(duration)} is ${expected}`, () => {
      assert.equal(milliseconds(duration, "delay"), expected);
    });
  }

  const bad: readonly unknown[] = [
    ...[-1, NaN, Infinity, 36_500 * 86_400 + 1],
    ...[
      "",
      "5",
      "s",
      "-1s",
      "+1s",
      "1e3s",
      ".5s",
      "1.s",
      "5 s",
      " 5s",
      "5s\n",
      "5S",
      "5w",
      "1h30m",
    ],
    ...["36501d", "٣s", null, undefined, true, 5n, Symbol("5s"), {}, ["5s"], new Date(0)],
    Object.create(null),
  ];
  for (const duration of bad) {
    it(`refuses ${shown(duration) || "an empty array"} and names option and value`, () => {
      assert.throws(() => milliseconds(duration, "timeout"), (error) => {
        assert.ok(error instanceof TypeError);
        const { message } = error;
        assert.ok(message.startsWith("timeout must be a duration in seconds or like "), message);
        assert.ok(message.endsWith(`: current value is ${shown(duration)}`), message);
        return true;
      });
      assert.equal(parseDuration(duration), undefined);
    });
  }
});

describe("shown", () => {
  it("tells strings from what they spell", () => {
    assert.equal(shown("5"), '"5"');
    assert.equal(shown(5), "5");
    assert.equal(shown(undefined), "undefined");
  });

  it("shows what an object holds", () => {
    assert.equal(shown({ ttl: "soon" }), '{"ttl":"soon"}');
    assert.equal(shown(["a", 1]), '["a",1]');
  });

  it("never shows a page", () => {
    const text = shown("x".repeat(10_000));
    assert.equal(text.length, 101);
    assert.ok(text.endsWith("…"));
  });

  it("survives values that can't be shown", () => {
    const round: { self?: unknown } = {};
    round.self = round;
    const hostile = {
      toString: () => {
        throw new Error("no");
      },
    };
    for (const value of [Object.create(null), round, hostile, Symbol("x"), { big: 1n }]) {
      assert.equal(typeof shown(value), "string");
    }
  });
});
