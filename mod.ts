/**
 * A task queue on Postgres: typed tasks, workers, retries, timeouts and dead letters on plain pgmq.
 *
 * @example Define, enqueue, process
 * ```ts
 * import * as v from "valibot";
 * import { createQueue, install, processor, Worker } from "@pgtq/pgtq";
 *
 * const mails = createQueue("example_mails", { input: v.object({ to: v.string() }) });
 * await install();
 * await mails.create();
 * await mails.enqueue({ to: "ada@example.org" });
 *
 * const onMail = processor(mails, { maxRetries: 3, timeout: "30s" }, (mail) => {
 *   console.log(`to ${mail.to}`);
 * });
 * const worker = new Worker({ processors: [onMail], concurrencyLimit: 10 });
 * await worker.drain(); // or run(), which goes on until stop()
 * ```
 *
 * @module
 */

export type { Duration } from "./src/core/duration.ts";
export { type ErrorCode, PgtqError } from "./src/core/errors.ts";
export type { IdField, NoField, WithId, WithoutId } from "./src/core/idempotency.ts";
export type { StandardSchemaV1 } from "./src/core/input.ts";
export {
  exponential,
  type ExponentialOptions,
  fixed,
  linear,
  type RetryStrategy,
} from "./src/core/retry.ts";
export type { Headers, TaskState } from "./src/core/task.ts";
export { InvalidTaskError, PermanentError, SnoozeError } from "./src/core/verdict.ts";
export type { ListedTask, Stats } from "./src/db/admin.ts";
export { close, type Queryable, setup, type SetupOptions, type Sql } from "./src/db/connection.ts";
export type { DeadLetter } from "./src/db/dead.ts";
export { install, type Installation } from "./src/db/install.ts";
export type { DeadLetters } from "./src/queue_dead_letters.ts";
export type {
  AttemptEvent,
  FailureEvent,
  Listener,
  TaskEvent,
  WorkerEvents,
} from "./src/engine/events.ts";
export type { WorkerState } from "./src/engine/lifecycle.ts";
export { Worker } from "./src/engine/worker.ts";
export type { DrainOptions, DrainResult, WorkerOptions } from "./src/engine/worker_options.ts";
export type { Page, PruneOptions } from "./src/queue_listing_options.ts";
export { type Handler, type Processor, processor, type TaskContext } from "./src/processor.ts";
export type { ErrorClass, ProcessorOptions } from "./src/processor_options.ts";
export type { Queue } from "./src/queue.ts";
export { createQueue } from "./src/queue_create.ts";
export type { ArchiveOptions, EnqueueOptions, QueueOptions } from "./src/queue_options.ts";
