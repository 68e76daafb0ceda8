import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { milliseconds } from "../../src/core/duration.ts";
import { exponential, fixed, linear, type RetryStrategy } from "../../src/core/retry.ts";

const delays = (strategy: RetryStrategy) => [1, 2, 3, 4].map(strategy);

describe("retry strategies", () => {
  const table: readonly [string, RetryStrategy, number[]][] = [
    ["fixed(0)", fixed(0), [0, 0, 0, 0]],
    ['fixed("250ms")', fixed("250ms"), [0.25, 0.25, 0.25, 0.25]],
    ["linear(5)", linear(5), [5, 10, 15, 20]],
    ['linear("1m")', linear("1m"), [60, 120, 180, 240]],
    ["exponential()", exponential(), [2, 4, 8, 16]],
    ["exponential({ base: 3 })", exponential({ base: 3 }), [3, 9, 27, 81]],
    ["exponential({ base: 1 })", exponential({ base: 1 }), [1, 1, 1, 1]],
    ['exponential({ max: "5s" })', exponential({ max: "5s" }), [2, 4, 5, 5]],
    ["exponential({ max: 0 })", exponential({ max: 0 }), [0, 0, 0, 0]],
  ];
  for (const [name, strategy, expected] of table) {
    it(`${name} waits ${expected.join(", ")} seconds`, () => {
      assert.deepEqual(delays(strategy), expected);
    });
  }

  it("exponential stays a duration at any attempt", () => {
    assert.equal(exponential({ max: "1h" })(100_000), 3600);
    assert.ok(Number.isFinite(milliseconds(exponential()(100_000), "delay")));
  });
});

describe("the jitter of exponential", () => {
  const at = (jitter: number, chance: number) =>
    exponential({ max: 10, jitter, random: () => chance })(5);

  it("leaves that part of the delay to chance", () => {
    assert.equal(at(0, 0.5), 10);
    assert.equal(at(0.2, 0), 10);
    assert.equal(at(0.2, 0.5), 9);
    assert.equal(at(0.2, 1), 8);
    assert.equal(at(1, 1), 0);
  });

  it("rolls the dice for each delay", () => {
    const chances = [0, 0.5, 1];
    const strategy = exponential({ base: 1, jitter: 1, random: () => chances.shift()! });
    assert.deepEqual([1, 2, 3].map(strategy), [1, 0.5, 0]);
  });

  it("uses Math.random unless told otherwise", () => {
    const strategy = exponential({ jitter: 0.5 });
    const seen = new Set(Array.from({ length: 50 }, () => Number(strategy(3))));
    assert.ok(seen.size > 1);
    for (const delay of seen) assert.ok(delay > 4 - 1e-9 && delay <= 8);
  });
});

describe("wrong arguments of strategies", () => {
  const table: readonly [string, () => unknown, RegExp][] = [
    ["fixed", () => fixed("soon"), /^delay must be .*: current value is "soon"$/],
    ["linear", () => linear(-1), /^delay must be .*: current value is -1$/],
    ["max", () => exponential({ max: "1y" }), /max must be .*: current value is "1y"$/],
    ["base", () => exponential({ base: 0.5 }), /base must be .*: current value is 0\.5$/],
    ["base NaN", () => exponential({ base: NaN }), /base must be .*: current value is NaN$/],
    ["jitter", () => exponential({ jitter: 2 }), /jitter must be .*: current value is 2$/],
    ["jitter < 0", () => exponential({ jitter: -0.1 }), /jitter must be .*: .* is -0\.1$/],
  ];
  for (const [name, make, message] of table) {
    it(`${name}: the error names it and its value`, () => {
      assert.throws(make, (error) => error instanceof TypeError && message.test(error.message));
    });
  }
});
