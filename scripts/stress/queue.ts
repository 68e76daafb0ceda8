/**
 * The queue of a stress run.
 *
 * @module
 */

import { createQueue, type Queue } from "../../mod.ts";

/** A task: what its handler shall do. */
export interface Payload {
  readonly group: string;
  /** How long it takes. */
  readonly ms: number;
  /** How many attempts fail. */
  readonly fails: number;
  /** The attempt after those fails for good. */
  readonly dies: boolean;
}

/** The queue; tasks of a queue without order have groups all the same. */
export function queueOf(): Queue<Payload> {
  return createQueue<Payload>("stress", { group: ({ group }) => group });
}
