/**
 * Where workers log to.
 *
 * @module
 */

import { getLogger } from "@logtape/logtape";

/** The category that applications configure. */
export const logger = getLogger(["pgtq", "worker"]);
