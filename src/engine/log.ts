/**
 * Writes a worker's events to LogTape, which is silent until the application configures it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { describe } from "../core/verdict.ts";
import type { Site } from "../db/site.ts";
import { creation } from "../db/trouble.ts";
import type { Rules } from "../db/flights.ts";
import type { Emitter } from "./events.ts";

const log = getLogger(["pgtq", "worker"]);

/** Warns of a queue without the indexes that its rules need: claims are right, but read all of it. */
export function warnOfScans({ tables: { name }, indexes }: Site, { grouped, limit }: Rules): void {
  const needed = [...(grouped ? ["group"] as const : []), "running"] as const;
  if (!grouped && limit === undefined || needed.every((index) => indexes.has(index))) return;
  log.warn("claims from {queue} are slow as it lacks an index: {advice}", {
    queue: name,
    advice: creation(name),
  });
}

/** Logs under the category `pgtq`, `worker`. */
export function logEvents(events: Emitter): void {
  events.on("retried", ({ error, ...task }) => {
    log.info("task {id} of {queue} failed in attempt {attempt}, again in {delayMs} ms: {error}", {
      ...task,
      error: describe(error),
    });
  });
  events.on("dead", ({ error, ...task }) => {
    log.warn("task {id} of {queue} failed for good in attempt {attempt}: {error}", {
      ...task,
      error: describe(error),
    });
  });
  events.on("lost", (task) => {
    log.warn("task {id} of {queue} was lost in attempt {attempt}: somebody else holds it", {
      ...task,
    });
  });
  events.on("error", ({ queue, error }) => {
    log.error("{error}", { queue, error: describe(error) });
  });
}
