/**
 * That the tests' idea of the Python package is what it does.
 *
 * @module
 */

import assert from "node:assert/strict";
import type { Python } from "../../tests/_support/python_rows.ts";
import type { Check } from "./checks.ts";
import type { Shared, Stage } from "./stage.ts";

/** The steps of a Python worker and producer, each as it is called. */
type Steps = Pick<
  Python,
  "enqueue" | "read" | "start" | "complete" | "retry" | "fail" | "reschedule" | "processingCount"
>;

/** The package itself, with the same steps. */
function packageSteps({ ask }: Shared): Steps {
  return {
    enqueue: (task, group) => ask({ do: "enqueue", task, group }) as Promise<string>,
    read: () => ask({ do: "read" }) as Promise<string[]>,
    start: (id) => ask({ do: "start", id: Number(id) }) as Promise<void>,
    complete: (id) => ask({ do: "complete", id: Number(id) }) as Promise<void>,
    retry: (id, error) => ask({ do: "retry", id: Number(id), error }) as Promise<void>,
    fail: (id, error, { dlq = true } = {}) =>
      ask({ do: "fail", id: Number(id), error, dlq }) as Promise<string>,
    reschedule: (id) => ask({ do: "reschedule", id: Number(id) }) as Promise<string>,
    processingCount: () => ask({ do: "processing_count" }) as Promise<number>,
  };
}

/** Everything that can happen to a task. */
async function lives(steps: Steps): Promise<unknown[]> {
  const take = async () => {
    const [id] = await steps.read();
    await steps.start(id!);
    return id!;
  };
  for (const n of [1, 2, 3, 4, 5, 6]) await steps.enqueue({ n }, n === 2 ? "vip" : undefined);
  await steps.complete(await take());
  await steps.retry(await take(), "boom");
  await steps.fail(await take(), "boom");
  await steps.fail(await take(), "", { dlq: false });
  await steps.read();
  await take();
  return [await steps.reschedule("1"), await steps.processingCount()];
}

/** All rows; how long they are hidden only roughly, as the two are not written at once. */
async function rows({ python, queue }: Shared) {
  const tables = await Promise.all(
    (["queue", "archive", "dlq", "dlq archive"] as const).map((table) => python.rows(table)),
  );
  const found = tables.map((rows) =>
    rows.map(({ hidden, ...row }) => ({
      ...row,
      hidden: hidden <= 0 ? "not" : hidden <= 60 ? "for its timeout" : "for decades",
    }))
  );
  return JSON.parse(JSON.stringify(found).replaceAll(queue.name, "the queue"));
}

async function same(stage: Stage): Promise<void> {
  const real = await stage.shared("real");
  const results = await lives(packageSteps(real));
  const written = await rows(real);
  const ours = await stage.shared("same");
  assert.deepEqual(await lives(ours.python), results);
  assert.deepEqual(await rows(ours), written);
  assert.deepEqual(written[0].map(({ hidden }: { hidden: string }) => hidden), [
    "for decades",
    "for its timeout",
    "for its timeout",
    "not",
  ]);
}

/** The checks of this file. */
export const fidelity: readonly Check[] = [
  ["the steps our tests take for Python leave the rows that the package leaves", same],
];
