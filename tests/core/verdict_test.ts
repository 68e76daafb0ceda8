import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe as suite, it } from "node:test";
import { pathToFileURL } from "node:url";
import {
  describe,
  InvalidTaskError,
  type Outcome,
  PermanentError,
  type RetryPolicy,
  SnoozeError,
  StoppedError,
  type Verdict,
  verdict,
} from "../../src/core/verdict.ts";

const failure = new Error("boom");
const policy: RetryPolicy = { maxRetries: 2, retryOn: () => true, retryDelay: () => 5 };

function after(error: unknown, attempt: number, change: Partial<RetryPolicy> = {}): Verdict {
  return verdict({ kind: "threw", error }, attempt, { ...policy, ...change });
}

suite("the verdict on an attempt", () => {
  const returned: Outcome = { kind: "returned" };
  const retry: Verdict = { kind: "retry", delayMs: 5000, error: failure };
  const dead: Verdict = { kind: "dead", error: failure };
  const none = { maxRetries: 0 };
  const never = { retryOn: () => false };
  const table: readonly [string, Verdict, Verdict][] = [
    ["a return completes", verdict(returned, 1, policy), { kind: "complete" }],
    ["a return completes on the last attempt", verdict(returned, 3, policy), { kind: "complete" }],
    ["the first failure is retried", after(failure, 1), retry],
    ["the second failure is retried", after(failure, 2), retry],
    ["with two retries the third failure is the end", after(failure, 3), dead],
    ["attempts beyond the last are the end, too", after(failure, 9), dead],
    ["without retries the first failure is the end", after(failure, 1, none), dead],
    ["an error not worth a retry is the end", after(failure, 1, never), dead],
    ["a snooze is one", after(new SnoozeError("2m"), 1), { kind: "snooze", delayMs: 120_000 }],
    [
      "a snooze on the last attempt uses none up",
      after(new SnoozeError(0), 3),
      { kind: "snooze", delayMs: 0 },
    ],
    ["a stop releases, even on the last attempt", after(new StoppedError(), 3), {
      kind: "release",
    }],
  ];
  for (const [title, actual, expected] of table) {
    it(title, () => assert.deepEqual(actual, expected));
  }

  for (const error of [new PermanentError("gone"), new InvalidTaskError("no")]) {
    it(`${error.name} is the end at once, whatever retryOn says`, () => {
      assert.deepEqual(after(error, 1, { maxRetries: 99 }), { kind: "dead", error });
    });
  }

  it("anything can be thrown", () => {
    for (const error of [undefined, null, "text", 0, {}]) {
      assert.deepEqual(after(error, 1), { kind: "retry", delayMs: 5000, error });
    }
  });

  it("retryOn sees the error and is not asked in vain", () => {
    const asked: unknown[] = [];
    const retryOn = (error: unknown) => asked.push(error) > 0;
    after(failure, 1, { retryOn });
    after(failure, 3, { retryOn });
    after(new PermanentError("gone"), 1, { retryOn });
    assert.deepEqual(asked, [failure]);
  });

  it("retryDelay gets the number of the failed attempt", () => {
    const strategy = { retryDelay: (attempt: number) => `${attempt * 10}ms` };
    assert.deepEqual([1, 2].map((n) => after(failure, n, strategy)), [
      { kind: "retry", delayMs: 10, error: failure },
      { kind: "retry", delayMs: 20, error: failure },
    ]);
  });
});

suite("faults in the policy", () => {
  const fault = new RangeError("my own mistake");
  const broken = () => {
    throw fault;
  };
  for (const name of ["retryOn", "retryDelay"]) {
    it(`${name} that throws ends the task, with both errors on record`, () => {
      const result = after(failure, 1, { [name]: broken });
      assert.ok(result.kind === "dead");
      assert.match(describe(result.error), /Error: boom; no retry, as RangeError: my own mistake$/);
    });
  }

  for (const delay of [NaN, -1, "soon", undefined, Infinity]) {
    it(`a retryDelay of ${delay} ends the task with an error that says so`, () => {
      const result = after(failure, 1, { retryDelay: () => delay as number });
      assert.ok(result.kind === "dead");
      assert.match(
        describe(result.error),
        /Error: boom; no retry, as TypeError: the result of retryDelay must be .*: current value is /,
      );
    });
  }
});

suite("SnoozeError", () => {
  it("takes any duration", () => assert.equal(new SnoozeError("1.5s").delayMs, 1500));
  it("refuses what is none", () => assert.throws(() => new SnoozeError("later"), TypeError));
});

suite("the text kept of an error", () => {
  class OddError extends Error {
    override name = "OddError";
  }
  const table: readonly [string, unknown, string][] = [
    ["an error", new TypeError("bad"), "TypeError: bad"],
    ["a class of one's own", new OddError("bad"), "OddError: bad"],
    ["a timeout", new DOMException("too late", "TimeoutError"), "TimeoutError: too late"],
    ["a string", "just text", "just text"],
    ["undefined", undefined, "undefined"],
    ["a symbol", Symbol("odd"), "Symbol(odd)"],
    ["NUL, which Postgres can't store", new Error("a\0b"), "Error: a\uFFFDb"],
    ["half a surrogate pair", new Error("a\ud83d"), "Error: a\uFFFD"],
  ];
  for (const [title, error, text] of table) {
    it(`is readable for ${title}`, () => assert.equal(describe(error), text));
  }

  it("has no stack and a sensible length", () => {
    const text = describe(new Error("€".repeat(5000)));
    assert.equal(text.length, 1000);
    assert.ok(!describe(failure).includes("verdict_test"));
  });

  it("doesn't end in half a character", () => {
    for (const length of [990, 991, 992, 993, 994]) {
      assert.ok(describe(new Error("x".repeat(length) + "😀😀")).isWellFormed());
    }
  });

  it("exists for whatever is thrown, as a task must not outlive its settlement", () => {
    const hostile = [
      Object.create(null),
      {
        toString: () => {
          throw new Error("no text");
        },
      },
      Object.defineProperty(new Error(), "message", {
        get: () => {
          throw new Error("no message");
        },
      }),
      Object.assign(new Error(), { message: Symbol("odd") }),
    ];
    for (const error of hostile) assert.ok(describe(error).length > 0);
  });
});

suite("errors of another copy of the library", () => {
  it("count like our own", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pgtq-copy-"));
    await cp(new URL("../../src/core/", import.meta.url), folder, { recursive: true });
    const copy = pathToFileURL(join(folder, "verdict.ts")).href;
    const other = await import(copy) as typeof import("../../src/core/verdict.ts");
    const permanent = new other.PermanentError("gone");
    assert.ok(!(permanent instanceof PermanentError));
    assert.deepEqual(after(permanent, 1), { kind: "dead", error: permanent });
    assert.deepEqual(after(new other.SnoozeError("1s"), 1), { kind: "snooze", delayMs: 1000 });
    await rm(folder, { recursive: true });
  });
});
