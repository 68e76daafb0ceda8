/**
 * The tasks of the demo, and what is done with them.
 *
 * @module
 */

import { readFile } from "node:fs/promises";
import * as v from "valibot";
import type { Sql } from "../../db/connection.ts";
import { saveHash } from "../../db/demo.ts";
import { sleep } from "../../engine/clock.ts";
import { type Processor, processor } from "../../processor.ts";
import type { Queue } from "../../queue.ts";
import { createQueue } from "../../queue_create.ts";

/** Trouble that is made up: a first attempt that fails, one that hangs, and one that always does. */
const troubles = ["flaky", "slow", "stuck"] as const;

const fileTask = v.object({ path: v.string(), trouble: v.optional(v.picklist(troubles)) });

/** One file to hash. */
export type FileTask = v.InferOutput<typeof fileTask>;

/** The demo's queue. */
export const queueName = "demo_files";

/** Of so many files one is flaky. */
const flakyEvery = 20;

/** The timeout of an attempt: short, as the demo waits for those that hang. */
const timeout = "500ms";

/**
 * A task per file, and a few more that go wrong in every way there is. The same files make the same
 * tasks.
 */
export function tasksFor(files: readonly string[]): unknown[] {
  const [path] = files;
  const tasks: FileTask[] = files.map((path, i) => {
    return i % flakyEvery === 0 ? { path, trouble: "flaky" } : { path };
  });
  const invalid = [{ path: 42 }, { file: path }];
  return [{ path, trouble: "slow" }, { path, trouble: "stuck" }, ...invalid, ...tasks];
}

/** The queue as a producer sees it that doesn't check what it sends. */
export function demoQueue(): Queue {
  return createQueue(queueName);
}

/** Hashes files, writes the results to a table, and tells of each. */
export function demoProcessor(
  sql: Sql,
  onHashed: (bytes: number, trouble: FileTask["trouble"]) => void,
): Processor {
  const queue = createQueue(queueName, { input: fileTask });
  const run = processor(queue, { maxRetries: 1, timeout }, async (task, { attempt, signal }) => {
    await makeTrouble(task, attempt, signal);
    const bytes = await readFile(task.path, { signal });
    const hash = hex(await crypto.subtle.digest("SHA-256", bytes));
    await saveHash(sql, { path: task.path, size: bytes.length, hash });
    onHashed(bytes.length, task.trouble);
  });
  return run as unknown as Processor;
}

async function makeTrouble({ trouble }: FileTask, attempt: number, signal: AbortSignal) {
  if (trouble === "flaky" && attempt === 1) throw new Error("made up: the disk was busy");
  if (trouble !== "stuck" && !(trouble === "slow" && attempt === 1)) return;
  await sleep(Infinity, signal);
  signal.throwIfAborted();
}

function hex(digest: ArrayBuffer): string {
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
