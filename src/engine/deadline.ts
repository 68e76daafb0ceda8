/**
 * Statements that don't wait for an answer for ever.
 *
 * @module
 */

import type { Queryable, Sql } from "../db/connection.ts";
import { after } from "./clock.ts";

/**
 * The same pool, but a statement fails when there is no answer within this time: behind a locked
 * table, or on a connection whose other end has gone without a word. It is cancelled then, and
 * whoever sent it is in doubt, as after a lost connection.
 */
export function withDeadline(sql: Sql, ms: number): Queryable {
  const unsafe = (...parameters: Parameters<Sql["unsafe"]>) => {
    const statement = sql.unsafe(...parameters);
    return inTime(ms, statement, () => statement.cancel());
  };
  return { unsafe, options: sql.options } as unknown as Queryable;
}

/** What an answer brings, unless it takes longer than this; then there is an error instead. */
export async function inTime<Result>(
  ms: number,
  answer: PromiseLike<Result>,
  giveUp: () => void = () => {},
): Promise<Result> {
  const { promise, reject } = Promise.withResolvers<never>();
  using _ = after(ms, () => {
    const text = `no answer within ${Math.round(ms) / 1000} s`;
    reject(Object.assign(new Error(text), { code: "NO_ANSWER" }));
    giveUp();
  });
  return await Promise.race([answer, promise]);
}
