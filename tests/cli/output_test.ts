import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { percentile } from "../../src/cli/demo/tally.ts";
import { failureOf, Interrupted, oneLine, UsageError } from "../../src/cli/failures.ts";
import { BrokenPipe, Interrupts } from "../../src/cli/host.ts";
import { lineOf } from "../../src/cli/logs.ts";
import { age, counted, table } from "../../src/cli/output.ts";

const pipe = { isTTY: false, columns: 80, write: () => Promise.resolve() };

describe("a table", () => {
  it("aligns its columns, and is never wider than a terminal", () => {
    const rows = [["mails", 12_000, "x".repeat(100)], ["a\x1b[31m\nb", 3, null]];
    const [heading, first, second] = table(["queue", "queued", "task"], rows, pipe).split("\n");
    assert.equal(heading, "queue  queued  task");
    assert.equal(first, `mails  12,000  ${"x".repeat(100)}`);
    assert.equal(second, "a b         3  -");
    const narrow = table(["queue", "queued", "task"], rows, { ...pipe, isTTY: true, columns: 20 });
    for (const line of narrow.split("\n")) assert.ok(line.length <= 20, line);
  });
});

describe("numbers", () => {
  it("read well", () => {
    assert.equal(counted(1, "task"), "1 task");
    assert.equal(counted(2000, "task"), "2,000 tasks");
    const ages = [0.25, 59.6, 600, 7200, 200_000].map(age);
    assert.deepEqual(ages, ["250ms", "60s", "10m", "2h", "2d"]);
  });

  it("have percentiles", () => {
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    assert.deepEqual([0.5, 0.99, 1].map((part) => percentile(hundred, part)), [50, 99, 100]);
    assert.equal(percentile([], 0.5), 0);
  });
});

describe("a failure", () => {
  it("is one line and an exit code", () => {
    assert.deepEqual(failureOf(new Error("a\n  b\x1b[0m c")), { code: 1, line: "a b c" });
    assert.deepEqual(failureOf(new UsageError("no")), { code: 2, line: "no" });
    assert.deepEqual(failureOf(new Interrupted()), { code: 130, line: "interrupted" });
    assert.deepEqual(failureOf(new BrokenPipe()), { code: 0 });
    assert.deepEqual(failureOf("thrown text"), { code: 1, line: "thrown text" });
    assert.equal(oneLine("\x1b[1m\x1b[31mred\x1b[0m\r\n"), "red");
  });
});

describe("a log record", () => {
  it("is one line", () => {
    const line = lineOf({
      category: ["pgtq", "worker"],
      level: "warning",
      timestamp: 0,
      message: ["task ", 7, " failed: ", new Error("two\nlines"), ""],
      rawMessage: "",
      properties: {},
    });
    assert.equal(line, "1970-01-01T00:00:00.000Z warning pgtq.worker: task 7 failed: two lines");
  });
});

describe("interrupts", () => {
  it("go to whoever asked last", () => {
    const seen: string[] = [];
    const interrupts = new Interrupts();
    interrupts.fire();
    using _ = interrupts.take(() => seen.push("first"));
    {
      using _ = interrupts.take(() => seen.push("second"));
      interrupts.fire();
    }
    interrupts.fire();
    assert.deepEqual(seen, ["second", "first"]);
  });
});
