/**
 * Processors: what is done with the tasks of a queue.
 *
 * @module
 */

import {
  checkWithId,
  type Id,
  type IdField,
  type WithId,
  type WithoutId,
} from "./core/idempotency.ts";
import { type Delivery, stableId } from "./core/task.ts";
import { InvalidTaskError } from "./core/verdict.ts";
import {
  parseProcessorOptions,
  type ProcessorDefinition,
  type ProcessorOptions,
} from "./processor_options.ts";
import { Queue } from "./queue.ts";

/** What a handler learns about its task besides the task itself. */
export interface TaskContext {
  /** The task's id. */
  readonly id: number;
  /** The number of this attempt: 1, and one more after every failed one. */
  readonly attempt: number;
  /** How many attempts the task gets in all. */
  readonly maxAttempts: number;
  /** Aborted when the timeout passes, the lease is lost, or the worker is told to abort. */
  readonly signal: AbortSignal;
  /** The queue's name. */
  readonly queue: string;
  /** The task's group, if it has one. */
  readonly group: string | undefined;
  /** All headers of the task. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** When the task was put into the queue, by the database's clock. */
  readonly enqueuedAt: Date;
}

/** Processes one task. Whatever it throws makes the attempt fail. */
export type Handler<Output> = (task: Output, context: TaskContext) => unknown;

/**
 * A processor: for workers to run, and callable by itself in unit tests. `Called` is what it takes
 * then: the queue's `Input`, where the field that `idempotencyKey` names may be left out.
 */
export interface Processor<Input = never, Output = unknown, Called = Input> {
  /**
   * Checks a task and runs the handler on it, without a database, a timeout or retries. A field for
   * the id that is left out receives that of the context, "0" unless given.
   *
   * @throws {InvalidTaskError} if the task does not fit the queue's schema
   */
  (task: Called, context?: Partial<TaskContext>): Promise<void>;
  /** The queue it processes. */
  readonly queue: Queue<Input, Output>;
  /** The checked options. @internal */
  readonly definition: ProcessorDefinition;
}

/**
 * Says what is done with the tasks of a queue, with the defaults for everything else.
 *
 * @example A processor, run by hand as in a unit test
 * ```ts
 * import { createQueue, processor } from "@pgtq/pgtq";
 *
 * const greetings = createQueue<{ name: string }>("greetings");
 * const greeted: string[] = [];
 * const onGreeting = processor(greetings, (task) => {
 *   greeted.push(task.name);
 * });
 * await onGreeting({ name: "Ada" });
 * console.assert(greeted[0] === "Ada");
 * ```
 */
export function processor<Input, Output>(
  queue: Queue<Input, Output>,
  handler: Handler<Output>,
): Processor<Input, Output>;
/**
 * Says what is done with the tasks of a queue.
 *
 * @throws {TypeError} if an option is wrong, or `idempotencyKey` is not that of the queue
 *
 * @example Three retries, ever further apart
 * ```ts
 * import { createQueue, exponential, processor } from "@pgtq/pgtq";
 *
 * const pages = createQueue<{ url: string }>("pages");
 * export const onPage = processor(pages, {
 *   maxRetries: 3,
 *   retryDelay: exponential({ max: "5m" }),
 *   timeout: "30s",
 * }, async (task, { signal }) => {
 *   await fetch(task.url, { signal });
 * });
 * ```
 *
 * @example Every attempt of a task has the same id, here for a service that refuses repetitions
 * ```ts
 * import { createQueue, processor } from "@pgtq/pgtq";
 *
 * const ids: string[] = [];
 * const charges = createQueue<{ cents: number; taskId?: string }>("charges");
 * const onCharge = processor(charges, { maxRetries: 3, idempotencyKey: "taskId" }, (charge) => {
 *   ids.push(charge.taskId); // a string here, where callers may leave it out
 * });
 * await onCharge({ cents: 500 }, { id: 17 });
 * console.assert(ids[0] === "17");
 * ```
 */
export function processor<Input, Output, Field extends IdField<Input, Output> = never>(
  queue: Queue<Input, Output>,
  options: ProcessorOptions<Field>,
  handler: Handler<WithId<Output, Field>>,
): Processor<Input, Output, WithoutId<Input, Field>>;
export function processor(
  queue: Queue,
  second: object | Handler<unknown>,
  third?: Handler<unknown>,
): Processor<unknown, unknown> {
  const [given, handler] = typeof second === "function" ? [{}, second] : [second, third];
  if (!(queue instanceof Queue)) {
    throw new TypeError("processor needs a queue of createQueue first");
  }
  if (typeof handler !== "function") {
    throw new TypeError(`The processor of "${queue.name}" needs a handler function`);
  }
  const definition = parseProcessorOptions(
    queue.name,
    given,
    queue.definition.idempotencyKey,
  );
  const run = async (task: unknown, context: Partial<TaskContext> = {}) => {
    const full = { ...unitTest(queue.name, definition), ...context };
    const runnable = { queue, definition, handler: handler as Handler<unknown> };
    // An id that stays the same has only a task in a queue: the caller's own has to do.
    await handleChecked(runnable, task, full, { id: String(full.id), keep: true });
  };
  return Object.defineProperties(run, {
    queue: { value: queue, enumerable: true },
    definition: { value: definition },
    handler: { value: handler },
    [brand]: { value: true },
  }) as unknown as Processor<unknown, unknown>;
}

/** The parts of a processor that a worker needs. */
export interface Runnable {
  readonly queue: Queue;
  readonly definition: ProcessorDefinition;
  readonly handler: Handler<unknown>;
}

/** Shared by all copies of the library, as a module may import another one than the worker. */
const brand = Symbol.for("pgtq.processor");

/** Whether a value is a processor, of whatever copy of the library. */
export function isProcessor(value: unknown): value is Processor {
  return typeof value === "function" && brand in value;
}

/** Checks a task as it came from the queue if there is anything to check, and runs the handler. */
export function handle(runnable: Runnable, delivery: Delivery, context: TaskContext): unknown {
  const { queue, definition, handler } = runnable;
  const plain = !queue.definition.schema && definition.idempotencyKey === undefined;
  if (plain) return handler(delivery.message, context);
  const id = stableId(delivery);
  return handleChecked(runnable, delivery.message, context, { id, keep: false });
}

/** Runs the handler on what the schema makes of the task with its id put in. */
async function handleChecked(
  { queue, definition: { idempotencyKey: field }, handler }: Runnable,
  message: unknown,
  context: TaskContext,
  id: Omit<Id, "field">,
): Promise<void> {
  const checked = await checkWithId(queue.definition.schema, message, { ...id, field });
  if ("problem" in checked) throw new InvalidTaskError(checked.problem);
  await handler(checked.value, context);
}

/** The context of a processor that is called by itself. */
function unitTest(queue: string, definition: ProcessorDefinition): TaskContext {
  return {
    id: 0,
    attempt: 1,
    maxAttempts: definition.maxRetries + 1,
    signal: new AbortController().signal,
    queue,
    group: undefined,
    headers: {},
    enqueuedAt: new Date(0),
  };
}
