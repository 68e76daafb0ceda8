/**
 * All checks, in the order they are run.
 *
 * @module
 */

import { fidelity } from "./fidelity.ts";
import { handover } from "./handover.ts";
import { together } from "./together.ts";
import type { Stage } from "./stage.ts";

/** A check, and what it shows. */
export type Check = readonly [name: string, run: (stage: Stage) => Promise<void>];

/** The checks. */
export const checks: readonly Check[] = [...fidelity, ...handover, ...together];
