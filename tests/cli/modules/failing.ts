/** A processor that fails at first, exported twice, beside things that are no processors. */

import { createQueue, processor } from "@pgtq/pgtq";

export const failing = createQueue<string>("failing");

export const onFailing = processor(failing, { maxRetries: 1 }, (task, { attempt }) => {
  if (task === "hopeless" || attempt === 1) throw new Error(`attempt ${attempt}\nfailed`);
});

export { onFailing as again };
export const limit = 3;
