/**
 * What the compiler infers, checked by `deno check tests/`. Nothing in here runs but one test that
 * keeps other runtimes from calling the file empty.
 *
 * @module
 */

import assert from "node:assert/strict";
import { it } from "node:test";
import * as v from "valibot";
import {
  createQueue,
  exponential,
  type Processor,
  processor,
  type Queue,
  type StandardSchemaV1,
  type TaskContext,
  Worker,
} from "../mod.ts";

/** Compiles only if both types are the same. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends
  (<T>() => T extends Right ? 1 : 2) ? true : false;
function same<Left, Right>(..._: Same<Left, Right> extends true ? [] : [never]): void {}

class OddError extends Error {
  constructor(code: number, why: string) {
    super(`${code}: ${why}`);
  }
}

it("types are checked by the compiler", () => assert.equal(typeof queues, "function"));

const input = v.object({
  at: v.pipe(v.string(), v.isoTimestamp(), v.transform((text) => new Date(text))),
  tries: v.optional(v.number(), 3),
});
interface Before {
  at: string;
  tries?: number | undefined;
}
interface After {
  at: Date;
  tries: number;
}

function queues() {
  const dates = createQueue("dates", { input });
  same<
    typeof dates,
    Queue<{ at: string; tries?: number | undefined }, { at: Date; tries: number }>
  >();

  void dates.enqueue({ at: "2030-01-01T00:00:00Z" });
  void dates.enqueueMany([{ at: "", tries: 1 }], { delay: "5s", group: "g", at: new Date() });
  // @ts-expect-error: the output of the schema is not its input
  void dates.enqueue({ at: new Date() });
  // @ts-expect-error: a field is missing
  void dates.enqueue({ tries: 1 });
  // @ts-expect-error: one of many is wrong
  void dates.enqueueMany([{ at: "" }, { at: 5 }]);
  // @ts-expect-error: no such option
  void dates.enqueue({ at: "" }, { dely: 5 });
  // @ts-expect-error: a date is no text
  void dates.enqueue({ at: "" }, { at: "tomorrow" });

  createQueue("grouped", { input, group: (task) => (same<typeof task, Before>(), task.at) });
  // @ts-expect-error: a group is a string
  createQueue("grouped", { input, group: (task) => task.tries });
  // @ts-expect-error: not a schema
  createQueue("wrong", { input: { at: "string" } });
  // @ts-expect-error: no such option
  createQueue("wrong", { input, archiv: true });
  // @ts-expect-error: a limit is a number
  createQueue("wrong", { archive: { limit: "many" } });
}

function queuesWithoutSchema() {
  const anything = createQueue("anything");
  same<typeof anything, Queue<unknown>>();
  void anything.enqueue({ any: "thing" });

  const typed = createQueue<{ url: string }>("typed", { group: (task) => task.url });
  same<typeof typed, Queue<{ url: string }>>();
  // @ts-expect-error: not what the queue was made for
  void typed.enqueue({ uri: "" });
}

function schemasOfOtherLibraries(schema: StandardSchemaV1<string, number>) {
  const numbers = createQueue("numbers", { input: schema });
  same<typeof numbers, Queue<string, number>>();
  void numbers.enqueue("5");
  // @ts-expect-error: the schema takes text
  void numbers.enqueue(5);
}

function processors() {
  const dates = createQueue("dates", { input });
  const onDate = processor(dates, {
    maxRetries: 3,
    retryOn: [TypeError, OddError],
    retryDelay: exponential({ max: "5m" }),
    timeout: "30s",
  }, async (task, context) => {
    same<typeof task, After>();
    same<typeof context, TaskContext>();
    await fetch("/", { signal: context.signal });
  });
  void onDate({ at: "2030-01-01T00:00:00Z" }, { attempt: 2 });
  // @ts-expect-error: called by itself it takes what the schema takes
  void onDate({ at: new Date() });
  same<Parameters<typeof onDate>[0], { at: string; tries?: number | undefined }>();

  processor(dates, (task) => same<typeof task, After>());
  processor(dates, { idempotencyKey: "at" }, () => {});
  // @ts-expect-error: no such field in the output
  processor(dates, { idempotencyKey: "id" }, () => {});
  // @ts-expect-error: no such option
  processor(dates, { retries: 3 }, () => {});
  // @ts-expect-error: neither classes nor a function
  processor(dates, { retryOn: "always" }, () => {});
  // @ts-expect-error: a processor needs a handler
  processor(dates, { maxRetries: 3 });

  processor(createQueue("anything"), (task) => {
    same<typeof task, unknown>();
    // @ts-expect-error: nobody knows what is in it
    return task.url;
  });
}

function workers(one: Processor<string, number>, other: Processor<Before, After>) {
  const worker = new Worker({ processors: [one, other], pruneInterval: null, lease: "1m" });
  worker.on("retried", (event) => same<typeof event.delayMs, number>());
  // @ts-expect-error: no such event
  worker.on("retry", () => {});
  // @ts-expect-error: no such option
  new Worker({ processors: [one], concurrency: 5 });
  // @ts-expect-error: a queue is no processor
  new Worker({ processors: [createQueue("anything")] });
}

void [queuesWithoutSchema, schemasOfOtherLibraries, processors, workers];
