import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { levels } from "../../scripts/stress/concurrency.ts";
import type { Evidence, Run, Task } from "../../scripts/stress/evidence.ts";
import { details, figures } from "../../scripts/stress/figures.ts";
import { judge, kinds } from "../../scripts/stress/judge.ts";
import { parse } from "../../scripts/stress/options.ts";
import { seeded } from "../../scripts/stress/random.ts";

/** A run of a task from one time to another; its worker is named after the task. */
function run(task: number, start: number, end?: number, rest: Partial<Run> = {}): Run {
  const outcome = end === undefined ? undefined : "ok";
  const worker = `w${task}`;
  return { worker, task, group: "g", attempt: 1, start, end, outcome, lost: false, ...rest };
}

/** Tasks of one group that were committed at time 0, unless said otherwise. */
function tasks(...ids: (number | Partial<Task>)[]): Task[] {
  return ids.map((given) => ({
    id: 0,
    group: "g",
    sent: -1,
    committed: 0,
    dies: false,
    ...typeof given === "number" ? { id: given } : given,
  }));
}

interface Case extends Partial<Omit<Evidence, "rules" | "deaths">> {
  readonly runs: readonly Run[];
  readonly rules?: Partial<Evidence["rules"]>;
  readonly deaths?: Readonly<Record<string, number>>;
}

/** Evidence of a run whose end is as it should be. */
function evidence({ runs, rules, deaths = {}, ...rest }: Case): Evidence {
  const all = rest.tasks ?? tasks(...new Set(runs.map(({ task }) => task)));
  const dead = all.filter(({ dies }) => dies).length;
  return {
    runs,
    tasks: all,
    rules: { grouped: true, lifo: false, limit: undefined, leaseMs: 1000, ...rules },
    deaths: new Map(Object.entries(deaths)),
    freezes: [],
    samples: [],
    places: { queued: 0, dead, completed: all.length - dead, failed: dead },
    faults: [],
    ...rest,
  };
}

/** The kinds of what the judge finds. */
function found(given: Case): string[] {
  return judge(evidence(given)).violations.map(({ kind }) => kind);
}

const fine: Readonly<Record<string, Case>> = {
  "a group in order": { runs: [run(1, 1, 2), run(2, 3, 4), run(3, 5, 6)] },
  "the log in any order": { runs: [run(2, 3, 4), run(1, 1, 2)] },
  "two groups at once": {
    runs: [run(1, 1, 4), run(2, 2, 3, { group: "h" })],
    tasks: tasks(1, { id: 2, group: "h" }),
  },
  "as many at once as the limit": {
    runs: [run(1, 1, 3), run(2, 2, 4, { group: "h" }), run(3, 3, 5)],
    tasks: tasks(1, { id: 2, group: "h" }, 3),
    rules: { limit: 2 },
  },
  "a retry": { runs: [run(1, 1, 2, { outcome: "failed" }), run(1, 3, 4, { attempt: 2 })] },
  "a task that dies for good": {
    runs: [run(1, 1, 2, { outcome: "dead" }), run(2, 3, 4)],
    tasks: tasks({ id: 1, dies: true }, 2),
  },
  "a repeat after a kill": {
    runs: [run(1, 1), run(1, 900, 901, { worker: "x" }), run(2, 902, 903)],
    deaths: { w1: 10 },
  },
  "a repeat after a kill that came before the result was written": {
    runs: [run(1, 1, 9), run(1, 900, 901, { worker: "x" })],
    deaths: { w1: 10 },
  },
  "a failed attempt that a kill kept from being written": {
    runs: [run(1, 1, 9, { outcome: "failed" }), run(1, 900, 901, { worker: "x" })],
    deaths: { w1: 10 },
  },
  "a failed attempt that was written before the kill": {
    runs: [
      run(1, 1, 9, { outcome: "failed" }),
      run(1, 900, 901, { worker: "x", attempt: 2 }),
    ],
    deaths: { w1: 10 },
  },
  "an end that the log heard of after the kill": {
    runs: [run(1, 1, 700), run(1, 500, 501, { worker: "x" })],
    deaths: { w1: 10 },
  },
  "a start that the log heard of after the kill": {
    runs: [run(1, 600), run(1, 500, 701, { worker: "x" })],
    deaths: { w1: 10, x: 710 },
  },
  "a lower id that was committed too late for the claim": {
    runs: [run(1, 1, 2), run(3, 3, 4), run(2, 5, 6)],
    tasks: tasks(1, { id: 2, committed: 2.5 }, 3),
  },
  "a lease said to be lost by a worker that slept while its result was written": {
    runs: [run(1, 1, 9, { lost: true })],
    freezes: [{ worker: "w1", from: 2, to: 1600 }],
  },
  "lifo": { runs: [run(3, 1, 2), run(2, 3, 4), run(1, 5, 6)], rules: { lifo: true } },
  "lifo: a task that came while another ran": {
    runs: [run(2, 1, 3), run(3, 4, 5), run(1, 6, 7)],
    tasks: tasks(1, 2, { id: 3, sent: 1, committed: 2 }),
    rules: { lifo: true },
  },
  "lifo: a task that came too late for the claim": {
    runs: [run(3, 1, 2), run(1, 3, 4), run(4, 5, 6)],
    tasks: tasks(1, 3, { id: 4, sent: 1, committed: 2.5 }),
    rules: { lifo: true },
  },
  "any order without groups": {
    runs: [run(2, 1, 4, { group: "2" }), run(1, 2, 3, { group: "1" })],
    tasks: tasks({ id: 1, group: "1" }, { id: 2, group: "2" }),
    rules: { grouped: false },
  },
  "what the database may hold": {
    runs: [run(1, 1, 2)],
    rules: { limit: 2 },
    samples: [{ at: 1, inFlight: 2, ofOneGroup: 1 }],
  },
};

const wrong: Readonly<Record<string, readonly [Case, ...(keyof typeof kinds)[]]>> = {
  "a task that never ran": [{ runs: [run(1, 1, 2)], tasks: tasks(1, 2) }, "unprocessed"],
  "a task whose only run was killed": [{ runs: [run(1, 1)], deaths: { w1: 2 } }, "unprocessed"],
  "a task that only failed": [{ runs: [run(1, 1, 2, { outcome: "failed" })] }, "unprocessed"],
  "a task left in the queue": [
    { runs: [run(1, 1, 2)], places: { queued: 1, dead: 0, completed: 1, failed: 0 } },
    "misplaced",
  ],
  "a dead letter nobody wanted": [
    { runs: [run(1, 1, 2)], places: { queued: 0, dead: 1, completed: 1, failed: 0 } },
    "misplaced",
  ],
  "a task that was not archived": [
    { runs: [run(1, 1, 2)], places: { queued: 0, dead: 0, completed: 0, failed: 0 } },
    "misplaced",
  ],
  "a task nobody enqueued": [
    { runs: [run(1, 1, 2), run(2, 3, 4)], tasks: tasks(1) },
    "unknown",
  ],
  "a run that never ends": [{ runs: [run(1, 1), run(1, 9, 10)] }, "unended", "repeat", "overlap"],
  "a second run": [{ runs: [run(1, 1, 2), run(1, 3, 4)] }, "repeat"],
  "a second run after somebody else's death": [
    { runs: [run(1, 1, 2), run(1, 3, 4)], deaths: { x: 2 } },
    "repeat",
  ],
  "a second run of what was long settled when its worker was killed": [
    { runs: [run(1, 1, 2), run(1, 2000, 2001, { worker: "x" })], deaths: { w1: 1500 } },
    "repeat",
  ],
  "a retry that does not count": [
    { runs: [run(1, 1, 2, { outcome: "failed" }), run(1, 3, 4)] },
    "repeat",
  ],
  "a repeat after a kill that counts as a retry": [
    { runs: [run(1, 1), run(1, 900, 901, { worker: "x", attempt: 2 })], deaths: { w1: 2 } },
    "repeat",
  ],
  "two of a group at once": [{ runs: [run(1, 1, 4), run(2, 3, 5)] }, "overlap"],
  "three of a group, the third within the first": [
    { runs: [run(1, 1, 9), run(2, 2, 3), run(3, 8, 10)] },
    "overlap",
    "overlap",
  ],
  "two at once of which the second came too early to see what was ahead": [
    {
      runs: [run(1, 1, 9), run(3, 2, 3), run(2, 10, 11)],
      tasks: tasks(1, { id: 2, committed: 5 }, 3),
    },
    "overlap",
  ],
  "a successor while the lease of a killed worker lasts": [
    { runs: [run(1, 1), run(1, 340, 341, { worker: "x" })], deaths: { w1: 10 } },
    "overlap",
  ],
  "one task twice at once, without groups": [
    {
      runs: [run(1, 1, 4, { lost: true }), run(1, 2, 3, { worker: "x" })],
      rules: { grouped: false },
    },
    "overlap",
    "lost",
  ],
  "a task before an earlier one": [{
    runs: [run(2, 1, 2), run(1, 3, 4)],
    tasks: tasks(1, { id: 2, sent: 0 }),
  }, "order"],
  "a task before one that was committed during the run before": [
    {
      runs: [run(1, 1, 3), run(3, 4, 5), run(2, 6, 7)],
      tasks: tasks(1, { id: 2, committed: 2 }, 3),
    },
    "order",
  ],
  "a task that overtakes a retry": [
    {
      runs: [run(1, 1, 2, { outcome: "failed" }), run(2, 3, 4), run(1, 5, 6, { attempt: 2 })],
    },
    "order",
  ],
  "a task that overtakes a killed one": [
    {
      runs: [run(1, 1), run(2, 400, 401), run(1, 900, 901, { worker: "x" })],
      deaths: { w1: 10 },
    },
    "order",
  ],
  "lifo: the oldest first": [
    {
      runs: [run(1, 1, 2), run(2, 3, 4), run(3, 5, 6)],
      tasks: tasks(1, 2, 3),
      rules: { lifo: true },
    },
    "order",
  ],
  "lifo: a new task that has to wait for an old one": [
    {
      runs: [run(2, 1, 3), run(1, 4, 5), run(3, 6, 7)],
      tasks: tasks(1, 2, { id: 3, sent: 1, committed: 2 }),
      rules: { lifo: true },
    },
    "order",
  ],
  "more at once than the limit": [
    {
      runs: [1, 2, 3].map((id) => run(id, id, 4, { group: `g${id}` })),
      tasks: tasks(...[1, 2, 3].map((id) => ({ id, group: `g${id}` }))),
      rules: { limit: 2 },
    },
    "limit",
  ],
  "more than the limit while the lease of a killed worker lasts": [
    {
      runs: [run(1, 1), run(2, 340, 341, { group: "h" }), run(1, 900, 901, { worker: "x" })],
      tasks: tasks(1, { id: 2, group: "h" }),
      deaths: { w1: 10 },
      rules: { limit: 1 },
    },
    "limit",
  ],
  "more than the limit in the database": [
    {
      runs: [run(1, 1, 2)],
      rules: { limit: 2, grouped: false },
      samples: [{ at: 1, inFlight: 3, ofOneGroup: 1 }],
    },
    "database",
  ],
  "two of a group in the database": [
    { runs: [run(1, 1, 2)], samples: [{ at: 1, inFlight: 2, ofOneGroup: 2 }] },
    "database",
  ],
  "a lease that ran out in a worker that was never frozen": [
    { runs: [run(1, 1, 9, { lost: true })] },
    "lost",
  ],
  "a task that a worker started though it had slept through the lease": [
    {
      runs: [run(1, 1990, 2500, { lost: true }), run(1, 2000, 2010, { worker: "x" })],
      freezes: [{ worker: "w1", from: 2, to: 1600 }],
    },
    "overlap",
    "lost",
  ],
  "a task that was lost before its worker slept": [
    { runs: [run(1, 1, 9, { lost: true })], freezes: [{ worker: "w1", from: 1010, to: 2600 }] },
    "lost",
  ],
  "a worker that ended by itself": [{ runs: [run(1, 1, 2)], faults: ["w1 ended"] }, "fault"],
};

describe("the judge of a stress run", () => {
  for (const [name, given] of Object.entries(fine)) {
    it(`has nothing against ${name}`, () => {
      assert.deepEqual(judge(evidence(given)), { violations: [], excused: 0 });
    });
  }

  for (const [name, [given, ...kinds]] of Object.entries(wrong)) {
    it(`finds ${name}`, () => assert.deepEqual(found(given), kinds));
  }

  it("is tried with every kind of violation", () => {
    const tried = new Set(Object.values(wrong).flatMap(([, ...kinds]) => kinds));
    assert.deepEqual([...tried].sort(), Object.keys(kinds).sort());
  });

  it("excuses and counts overlaps of a worker that slept through its lease", () => {
    const slept = run(1, 1, 2000, { lost: true });
    const runs = [slept, run(1, 1500, 2500, { worker: "x" }), run(2, 2501, 2502)];
    assert.deepEqual(
      judge(
        evidence({ runs, freezes: [{ worker: "w1", from: 2, to: 1600 }], rules: { limit: 1 } }),
      ),
      {
        violations: [],
        excused: 1,
      },
    );
  });

  it("excuses a loss whose worker slept before the result was written", () => {
    const runs = [run(1, 1, 9, { lost: true }), run(1, 1500, 1600, { worker: "x" })];
    const freezes = [{ worker: "w1", from: 10, to: 1690 }];
    assert.deepEqual(judge(evidence({ runs, freezes })), { violations: [], excused: 0 });
  });

  it("excuses a start that a worker logs only after it has slept", () => {
    const late = run(1, 1700, 1800, { lost: true });
    const freezes = [{ worker: "w1", from: 2, to: 1690 }];
    const runs = [run(1, 1500, 1600, { worker: "x" }), run(2, 1650, 1660), late];
    assert.deepEqual(judge(evidence({ runs, freezes })), { violations: [], excused: 0 });
  });

  it("does not excuse overlaps of those who slept but kept their lease", () => {
    assert.deepEqual(
      found({ runs: [run(1, 1, 4), run(2, 3, 5)], freezes: [{ worker: "w1", from: 2, to: 1600 }] }),
      ["overlap"],
    );
  });
});

describe("the report of a stress run", () => {
  it("shows figures, and violations with what was logged", () => {
    const given = evidence({ runs: [run(1, 1, 4), run(2, 3, 5), run(3, 8, 9)] });
    const judgement = judge(given);
    const table = figures(given, judgement);
    assert.match(table, /^starts +3$/m);
    assert.match(table, /^most runs at once +2$/m);
    assert.match(table, /^violations: overlap +1$/m);
    assert.match(table, /^violations: order +0$/m);
    assert.match(details(judgement, given), /two runs of group g at once\n +w1 task 1 attempt 1/);
  });

  it("bears with a run in which nothing happened", () => {
    const given = evidence({ runs: [] });
    assert.match(figures(given, judge(given)), /^tasks per second +0$/m);
  });

  it("counts runs at every instant, where one that begins as another ends is after it", () => {
    const late = run(4, 3.2);
    const runs = [run(1, 1, 2), run(2, 2, 4), run(3, 3), late];
    const given = evidence({ runs, deaths: { w3: 2.5, w4: 1.5 }, rules: { leaseMs: 3 } });
    const steps = levels(given.runs, given).map(({ at, running }) => [at, running]);
    assert.deepEqual(steps, [[1, 1], [2, 0], [2, 1], [3, 2], [3.5, 1], [4, 0]]);
  });
});

describe("the options of a stress run", () => {
  it("have defaults, and say what they can't take", () => {
    const { seed, limit, grouped, leaseMs } = parse([], 7)!;
    assert.deepEqual({ seed, limit, grouped, leaseMs }, {
      seed: 7,
      limit: 20,
      grouped: true,
      leaseMs: 5000,
    });
    assert.equal(parse(["--limit", "0"], 7)!.limit, undefined);
    assert.equal(parse(["--limit-only"], 7)!.grouped, false);
    assert.equal(parse(["--help"], 7), undefined);
    for (const given of [["--kills", "x"], ["--workers", "0"], ["--lease", ""], ["--what"]]) {
      let error: unknown;
      try {
        parse(given, 7);
      } catch (thrown) {
        error = thrown;
      }
      assert.ok(error instanceof TypeError, given.join(" "));
    }
  });

  it("make chance repeatable", () => {
    const numbers = (seed: number) => Array.from({ length: 5 }, seeded(seed));
    assert.deepEqual(numbers(1), numbers(1));
    assert.ok(numbers(1).join() !== numbers(2).join());
  });
});
