/**
 * Writes a worker's events to LogTape, which is silent until the application configures it.
 *
 * @module
 */

import { describe } from "../core/verdict.ts";
import type { Site } from "../db/site.ts";
import { creation } from "../db/trouble.ts";
import type { Rules } from "../db/flights.ts";
import type { Emitter } from "./events.ts";

/** Warns of a queue without the indexes that its rules need: claims are right, but read all of it. */
export function warnOfScans({ tables: { name }, indexes }: Site, { grouped, limit }: Rules): void {
  const needed = [...(grouped ? ["group"] as const : []), "running"] as const;
  if (!grouped && limit === undefined || needed.every((index) => indexes.has(index))) return;
  log("warn", "claims from {queue} are slow as it lacks an index: {advice}", {
    queue: name,
    advice: creation(name),
  });
}

/** Logs under the category `pgtq`, `worker`. */
export function logEvents(events: Emitter): void {
  void logger();
  events.on("retried", ({ error, ...task }) => {
    const text = "task {id} of {queue} failed in attempt {attempt}, again in {delayMs} ms: {error}";
    log("info", text, { ...task, error: describe(error) });
  });
  events.on("dead", ({ error, ...task }) => {
    log("warn", "task {id} of {queue} failed for good in attempt {attempt}: {error}", {
      ...task,
      error: describe(error),
    });
  });
  events.on("lost", (task) => {
    log("warn", "task {id} of {queue} was lost in attempt {attempt}: somebody else holds it", {
      ...task,
    });
  });
  events.on("error", ({ queue, error }) => {
    log("error", "{error}", { queue, error: describe(error) });
  });
}

/** Records keep their order: they all wait for the same promise. */
function log(level: "info" | "warn" | "error", text: string, about: Record<string, unknown>): void {
  void logger().then(({ logger }) => logger[level](text, about));
}

let loading: Promise<typeof import("./logger.ts")> | undefined;

/** LogTape comes with the first worker: programs that only enqueue never load it. */
function logger() {
  return loading ??= import("./logger.ts");
}
