/**
 * How pg-boss is set up for all benches.
 *
 * @module
 */

import { createRequire } from "node:module";
import { databaseUrl } from "../_support/contender.ts";

// Not by `import`: type checkers of the library must not look for packages of the peers.
const require = createRequire(import.meta.url);
const { PgBoss } = require("pg-boss");

/** The name of the queue. */
export const queue = "bench";

/**
 * Starts pg-boss without its maintenance, cron and register of instances: favours, as neither their
 * statements nor their timers come into a round.
 *
 * @param {object} [options]
 */
export async function startBoss(options = {}) {
  const boss = new PgBoss({
    connectionString: databaseUrl(),
    supervise: false,
    schedule: false,
    registerInstance: false,
    ...options,
  });
  boss.on("error", console.error);
  await boss.start();
  return boss;
}

/**
 * Makes the queue anew.
 *
 * @param {object} boss
 * @param {object} [options]
 */
export async function freshQueue(boss, options = {}) {
  await boss.deleteQueue(queue);
  await boss.createQueue(queue, options);
}
