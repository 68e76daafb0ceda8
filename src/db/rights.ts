/**
 * The roles that producers, workers and observers may have instead of the owner's.
 *
 * @module
 */

/** Grants those of the roles that exist what they lack; costs next to nothing if there are none. */
export async function rightsSql(): Promise<string> {
  // Loaded on demand: programs that only enqueue or work never need it.
  return (await import("./rights_sql.ts")).rightsSql;
}
