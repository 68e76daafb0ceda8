/**
 * Defining queues.
 *
 * @module
 */

import type { IdField, WithId, WithoutId } from "./core/idempotency.ts";
import type { StandardSchemaV1 } from "./core/input.ts";
import { Queue } from "./queue.ts";
import { parseQueueOptions, type QueueOptions } from "./queue_options.ts";

/** Defines a queue whose tasks are checked by a schema of any library that speaks Standard Schema. */
export function createQueue<
  Schema extends StandardSchemaV1,
  Field extends IdField<
    StandardSchemaV1.InferInput<Schema>,
    StandardSchemaV1.InferOutput<Schema>
  > = never,
>(
  name: string,
  options:
    & QueueOptions<WithoutId<StandardSchemaV1.InferInput<Schema>, Field>, Field>
    & { /** The schema of tasks. */ input: Schema },
): Queue<
  WithoutId<StandardSchemaV1.InferInput<Schema>, Field>,
  WithId<StandardSchemaV1.InferOutput<Schema>, Field>
>;
/**
 * Defines a queue. This touches no database: `create()` makes its tables, once.
 *
 * @throws {PgtqError} `INVALID_NAME` if pgmq can't have a queue of this name, or of its dead letters
 * @throws {TypeError} if an option is wrong
 *
 * @example A queue whose tasks are checked
 * ```ts
 * import * as v from "valibot";
 * import { createQueue } from "@pgtq/pgtq";
 *
 * const mails = createQueue("mails", {
 *   input: v.object({ to: v.string(), subject: v.string() }),
 *   archive: { ttl: "90d" },
 * });
 * console.assert(mails.name === "mails");
 * ```
 *
 * @example Every task has an id that stays the same through retries and redrives
 * ```ts
 * import * as v from "valibot";
 * import { createQueue, install, processor, Worker } from "@pgtq/pgtq";
 *
 * const payments = createQueue("example_payments", {
 *   input: v.object({ amount: v.number(), taskId: v.string() }),
 *   idempotencyKey: "taskId",
 * });
 * await install();
 * await payments.create();
 * const id = await payments.enqueue({ amount: 5 }); // no taskId: the handler gets it
 *
 * const seen: string[] = [];
 * const onPayment = processor(payments, ({ taskId }) => void seen.push(taskId));
 * await new Worker({ processors: [onPayment] }).drain();
 * console.assert(seen[0] === String(id));
 * ```
 */
export function createQueue<Task = unknown, Field extends IdField<Task, Task> = never>(
  name: string,
  options?: QueueOptions<WithoutId<Task, Field>, Field>,
): Queue<WithoutId<Task, Field>, WithId<Task, Field>>;
export function createQueue(name: string, options: object = {}): Queue {
  return new Queue(parseQueueOptions(name, options));
}
