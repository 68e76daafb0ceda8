/**
 * Writes a worker's events to LogTape, which is silent until the application configures it.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";
import { describe } from "../core/verdict.ts";
import type { Emitter } from "./events.ts";

/** Logs under the category `pgtq`, `worker`. */
export function logEvents(events: Emitter): void {
  const log = getLogger(["pgtq", "worker"]);
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
