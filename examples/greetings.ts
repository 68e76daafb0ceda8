/**
 * The smallest worker module: a queue and what is done with its tasks.
 *
 *     pgtq create greetings --embedded
 *     pgtq send greetings '{"name": "Ada"}' --embedded
 *     pgtq worker examples/greetings.ts --embedded
 *
 * @module
 */

import { createQueue, processor } from "@pgtq/pgtq";
import * as v from "valibot";

export const greetings = createQueue("greetings", {
  input: v.object({ name: v.string() }),
});

export const onGreeting = processor(greetings, ({ name }) => {
  console.log(`Hello, ${name}!`);
});
