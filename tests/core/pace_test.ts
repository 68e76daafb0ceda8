import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Pace } from "../../src/core/pace.ts";

function paceOf(...durations: number[]): Pace {
  const pace = new Pace();
  for (const duration of durations) pace.observe(duration);
  return pace;
}

describe("Pace", () => {
  it("claims nothing ahead of a handler it has not seen", () => {
    assert.equal(new Pace().ahead(10), 0);
  });

  it("claims ahead what starts within 100 ms", () => {
    assert.equal(paceOf(10).ahead(1), 10);
    assert.equal(paceOf(10).ahead(4), 40);
    assert.equal(paceOf(100).ahead(3), 3);
    assert.equal(paceOf(30).ahead(1), 3);
  });

  it("claims nothing ahead of a slow handler", () => {
    assert.equal(paceOf(101).ahead(10), 0);
    assert.equal(paceOf(60_000).ahead(10), 0);
  });

  it("bounds what it claims ahead of a handler that takes no time", () => {
    assert.equal(paceOf(0).ahead(1), 10_000);
  });

  it("learns slowly: one slow run is no reason, several are", () => {
    const pace = paceOf(10, 500);
    assert.equal(pace.ahead(1), 1);
    for (let run = 0; run < 10; run++) pace.observe(500);
    assert.equal(pace.ahead(10), 0);
  });

  it("forgets on reset", () => {
    const pace = paceOf(1);
    pace.reset();
    assert.equal(pace.ahead(10), 0);
    pace.observe(50);
    assert.equal(pace.ahead(1), 2);
  });
});
