/** A processor that runs until it is aborted, or for the milliseconds its task says. */

import { setTimeout } from "node:timers/promises";
import { createQueue, processor } from "@pgtq/pgtq";

const slow = createQueue<number>("slow");

export const onSlow = processor(slow, async (ms, { id, signal }) => {
  console.log(`task ${id} starts`);
  await setTimeout(ms, undefined, { signal });
  console.log(`task ${id} ends`);
});
