/**
 * Awaiting what a worker says, instead of sleeping until it should have said it.
 *
 * @module
 */

import type { Worker, WorkerEvents } from "../../mod.ts";

/** Resolves with the first event of this name that fits. */
export function next<Name extends keyof WorkerEvents>(
  worker: Worker,
  name: Name,
  fits: (event: WorkerEvents[Name]) => boolean = () => true,
): Promise<WorkerEvents[Name]> {
  return new Promise((resolve) => {
    const end = worker.on(name, (event) => {
      if (!fits(event)) return;
      end();
      resolve(event);
    });
  });
}

const names = [
  "claimed",
  "completed",
  "failed",
  "retried",
  "dead",
  "released",
  "lost",
  "error",
] as const;

/** Notes down events as `name id/attempt`, in the order they come. */
export function record(worker: Worker): string[] {
  const seen: string[] = [];
  for (const name of names) {
    worker.on(name, (event) => {
      seen.push("id" in event ? `${name} ${event.id}/${event.attempt}` : name);
    });
  }
  return seen;
}
