/**
 * What the command line's worker is given to run.
 *
 * @module
 */

import { createQueue, processor } from "../../mod.ts";

/** A queue whose tasks are nothing. */
export const queue = createQueue("bench_start");

/** Does nothing. */
export const onTask = processor(queue, () => {});
