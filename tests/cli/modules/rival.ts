/** A second processor for the queue of failing.ts. */

import { createQueue, processor } from "@pgtq/pgtq";

export const onRival = processor(createQueue("Failing"), () => {});
