/**
 * Queues by name, for commands that know nothing else of them.
 *
 * @module
 */

import { queueNames } from "../db/admin.ts";
import { connection } from "../db/connection.ts";
import type { Queue } from "../queue.ts";
import { createQueue } from "../queue_create.ts";
import type { ArchiveOptions } from "../queue_options.ts";

const suffix = "_dlq";

/** A queue, with its dead letters if the database has a queue for them. */
export async function openQueue(name: string, archive?: ArchiveOptions): Promise<Queue> {
  const bare = createQueue(name, { dlq: false, archive });
  const letters = `${name}${suffix}`.toLowerCase();
  const names = await queueNames(connection());
  if (!names.some((other) => other.toLowerCase() === letters)) return bare;
  return createQueue(name, { archive, dlqArchive: archive });
}

/** All queues, but for those that hold the dead letters of another one. */
export async function openQueues(): Promise<Queue[]> {
  const names = await queueNames(connection());
  const all = new Set(names.map((name) => name.toLowerCase()));
  return names
    .filter((name) => !name.endsWith(suffix) || !all.has(bareName(name)))
    .map((name) => createQueue(name, { dlq: all.has(`${name}${suffix}`.toLowerCase()) }));
}

function bareName(letters: string): string {
  return letters.slice(0, -suffix.length).toLowerCase();
}
