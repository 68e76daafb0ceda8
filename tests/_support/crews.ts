/**
 * What counts against a limit, as anybody can see it in the tables.
 *
 * @module
 */

import type { Crew } from "../../src/db/flights.ts";
import type { StrictQueue } from "./strict_queue.ts";

/** How many tasks may be running: of each worker no more than it has seats. */
export async function counted(queue: StrictQueue): Promise<number> {
  const crews = new Map<string, number[]>();
  let count = 0;
  for (const { headers } of await queue.rows()) {
    if (headers?.["x-pgtq-status"] !== "processing") continue;
    const { worker, seats } = Object(headers["x-pgtq-rules"]) as Partial<Crew>;
    if (worker === undefined || seats === undefined) count++;
    else crews.set(worker, [...crews.get(worker) ?? [], seats]);
  }
  return [...crews.values()].reduce((sum, seats) => {
    return sum + Math.min(seats.length, Math.max(...seats));
  }, count);
}

/** Has a row look as if another program had begun to run it, and written these headers. */
export async function fly(queue: StrictQueue, id: number, headers: object): Promise<void> {
  const text = JSON.stringify({ "x-pgtq-status": "processing", ...headers });
  await queue.change(
    `read_ct = 1, vt = now() + interval '1 hour', headers = '${text}' where msg_id = ${id}`,
  );
}
