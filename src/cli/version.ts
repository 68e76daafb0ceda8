/**
 * The version of the package.
 *
 * @module
 */

/** As in package.json and deno.json, which a test checks: not every way to run has those files. */
export const version = "0.1.0";
