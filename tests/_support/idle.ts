/**
 * Workers that wait.
 *
 * @module
 */

import type { Worker } from "../../mod.ts";
import { next } from "./events.ts";

/**
 * Starts a worker that finds nothing it may do, and resolves once only a notification, or a time
 * that it has set itself, can make it look again.
 */
export async function idle(worker: Worker): Promise<{ readonly running: Promise<void> }> {
  const looked = next(worker, "idle");
  const running = worker.run();
  await looked;
  await next(worker, "idle"); // the look that comes with listening
  return { running };
}
