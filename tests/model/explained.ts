/**
 * What is done at the same time must have come out as if it had been done in some order.
 *
 * @module
 */

import { type State, text, Violation } from "./state.ts";
import type { Step } from "./steps.ts";

/**
 * Whether some order of these threads' steps leads from one state to the other. `reasons` gets what
 * speaks against those that don't.
 */
export function explained(
  from: State,
  threads: readonly (readonly Step[])[],
  to: State,
  reasons: Set<string>,
): boolean {
  if (threads.every((thread) => thread.length === 0)) {
    if (text(from) === text(to)) return true;
    reasons.add("the tables are not as they should be");
    return false;
  }
  return threads.some(([step, ...rest], index) => {
    if (!step) return false;
    try {
      const others = threads.map((thread, other) => other === index ? rest : thread);
      return step.after(from, to).some((state) => explained(state, others, to, reasons));
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      reasons.add(error.message);
      return false;
    }
  });
}
