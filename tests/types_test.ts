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
  type ProcessorOptions,
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

class Letter {
  #sent = false;
  taskId?: string;
  get sent() {
    return this.#sent;
  }
}
type Move =
  | { kind: "step"; id?: string; by: number }
  | { kind: "jump"; id: string };

function idempotencyKeysOfProcessors() {
  const optional = createQueue("optional", {
    input: v.object({ value: v.number(), taskId: v.optional(v.string()) }),
  });
  void optional.enqueue({ value: 1 });
  const onOptional = processor(optional, {
    maxRetries: 3,
    retryOn: (error) => error !== 5,
    idempotencyKey: "taskId",
  }, (task, context) => {
    same<typeof task, { value: number; taskId: string }>();
    same<typeof context, TaskContext>();
  });
  same<typeof onOptional.queue, typeof optional>();
  void onOptional({ value: 1 });
  void onOptional({ value: 1, taskId: "17" }, { id: 5 });
  // @ts-expect-error: an id is text
  void onOptional({ value: 1, taskId: 17 });
  processor(optional, { idempotencyKey: "taskId" }, (task: { taskId: string }) => task);
  const options: ProcessorOptions<"taskId"> = { maxRetries: 1, idempotencyKey: "taskId" };
  processor(optional, options, (task) => same<typeof task.taskId, string>());
  const common: ProcessorOptions = { maxRetries: 1 };
  processor(optional, common, (task) => same<typeof task.taskId, string | undefined>());
  processor(optional, {}, (task) => same<typeof task.taskId, string | undefined>());

  const required = createQueue("required", {
    input: v.object({ value: v.number(), taskId: v.string() }),
  });
  // @ts-expect-error: the queue knows nothing of its processor
  void required.enqueue({ value: 1 });
  const onRequired = processor(required, { idempotencyKey: "taskId" }, (task) => {
    same<typeof task, { value: number; taskId: string }>();
  });
  void onRequired({ value: 1 });

  const branded = v.pipe(v.string(), v.brand("TaskId"));
  processor(createQueue("branded", { input: v.object({ id: v.optional(branded) }) }), {
    idempotencyKey: "id",
  }, (task) => same<typeof task.id, v.InferOutput<typeof branded>>());

  const onLetter = processor(
    createQueue<Letter>("letters"),
    { idempotencyKey: "taskId" },
    (task) => {
      same<typeof task, Letter & { taskId: string }>();
    },
  );
  void onLetter(new Letter());
  const onMove = processor(createQueue<Move>("moves"), { idempotencyKey: "id" }, (task) => {
    same<typeof task, { kind: "step"; id: string; by: number } | { kind: "jump"; id: string }>();
  });
  void onMove({ kind: "jump" });
  // @ts-expect-error: the other fields are as needed as ever
  void onMove({ kind: "step" });
  processor(createQueue<Record<string, string>>("records"), { idempotencyKey: "id" }, (task) => {
    same<typeof task.id, string>();
    same<typeof task.other, string | undefined>();
  });
  processor(createQueue("anything"), { idempotencyKey: "id" }, (task) => {
    same<typeof task, { id: string }>();
  });
  const onAny = [onOptional, onRequired, onLetter, onMove];
  new Worker({ processors: onAny });
}

function idempotencyKeysOfQueues() {
  const required = createQueue("required", {
    input: v.object({ value: v.number(), taskId: v.string() }),
    group: (task) => (same<typeof task, { value: number; taskId?: string }>(), task.taskId),
    idempotencyKey: "taskId",
  });
  same<
    typeof required,
    Queue<{ value: number; taskId?: string }, { value: number; taskId: string }>
  >();
  void required.enqueueMany([{ value: 1 }, { value: 2, taskId: "17" }]);
  // @ts-expect-error: an id is text
  void required.enqueue({ value: 1, taskId: 17 });
  // @ts-expect-error: the other fields are as needed as ever
  void required.enqueue({});
  const onTask = processor(required, (task) => {
    same<typeof task, { value: number; taskId: string }>();
  });
  void onTask({ value: 1 });
  processor(required, { maxRetries: 1, idempotencyKey: "taskId" }, (task) => {
    same<typeof task, { value: number; taskId: string }>();
  });

  const typed = createQueue<{ n: number; taskId: string }, "taskId">("typed", {
    idempotencyKey: "taskId",
  });
  same<typeof typed, Queue<{ n: number; taskId?: string }, { n: number; taskId: string }>>();
  const anything = createQueue("anything", { idempotencyKey: "taskId" });
  same<typeof anything, Queue<unknown, { taskId: string }>>();
  const named = createQueue("anything", { idempotencyKey: String("taskId") });
  same<typeof named, Queue<unknown>>();
}

function wrongIdempotencyKeys(text: StandardSchemaV1<string>, either: "a" | "b") {
  const input = v.object({
    n: v.number(),
    at: v.pipe(v.string(), v.transform((text) => new Date(text))),
    mode: v.optional(v.picklist(["fast", "slow"])),
    id: v.optional(v.string()),
    odd: v.optional(v.union([v.string(), v.number()])),
  });
  const queue = createQueue("tasks", { input });
  // @ts-expect-error: a number
  processor(queue, { idempotencyKey: "n" }, () => {});
  // @ts-expect-error: no string for the handler
  processor(queue, { idempotencyKey: "at" }, () => {});
  // @ts-expect-error: not just any string
  processor(queue, { idempotencyKey: "mode" }, () => {});
  // @ts-expect-error: not always a string
  processor(queue, { idempotencyKey: "odd" }, () => {});
  // @ts-expect-error: a schema drops fields that it doesn't know
  processor(queue, { idempotencyKey: "taskId" }, () => {});
  // @ts-expect-error: a string is no object
  processor(createQueue("texts", { input: text }), { idempotencyKey: "id" }, () => {});
  // @ts-expect-error: no string for one kind of task
  processor(createQueue<Move | { id: number }>("moves"), { idempotencyKey: "id" }, () => {});
  // @ts-expect-error: no such field
  processor(createQueue<{ n: number }>("numbers"), { idempotencyKey: "id" }, () => {});
  // @ts-expect-error: the name of a field is text
  processor(queue, { idempotencyKey: 5 }, () => {});
  // @ts-expect-error: a handler that wants a number there
  processor(queue, { idempotencyKey: "id" }, (task: { id: number }) => task);

  // @ts-expect-error: a number
  createQueue("tasks", { input, idempotencyKey: "n" });
  // @ts-expect-error: a schema drops fields that it doesn't know
  createQueue("tasks", { input, idempotencyKey: "taskId" });
  // @ts-expect-error: not just any string
  createQueue("tasks", { input, idempotencyKey: "mode" });
  // @ts-expect-error: a number
  createQueue<{ n: number }, "n">("tasks", { idempotencyKey: "n" });
  // @ts-expect-error: the compiler has not been told the field
  createQueue<{ id?: string }>("tasks", { idempotencyKey: "id" });

  const letters = createQueue<{ a?: string; b?: string }>("letters");
  processor(letters, { idempotencyKey: either }, (task) => {
    // @ts-expect-error: it may be the other one
    same<typeof task.a, string>();
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

void [
  queuesWithoutSchema,
  schemasOfOtherLibraries,
  processors,
  idempotencyKeysOfProcessors,
  idempotencyKeysOfQueues,
  wrongIdempotencyKeys,
  workers,
];
