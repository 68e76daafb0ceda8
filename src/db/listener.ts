/**
 * Listening for notifications.
 *
 * @module
 */

import { openAlone, type Sql } from "./connection.ts";
import { readable } from "./trouble.ts";

/**
 * One connection that listens. The driver's own way to do that goes on logging in without an end
 * where it's refused; this one connects when told to.
 */
export class Listener implements AsyncDisposable {
  readonly #sql: Sql;
  #lost = Promise.withResolvers<void>();

  /** Will connect to where this pool does, and call `onNotice` with each notice's channel. */
  constructor(pool: Sql, onNotice: (channel: string) => void) {
    this.#sql = openAlone(pool, {
      onnotify: onNotice,
      onclose: () => this.#lost.resolve(),
      idle_timeout: null,
      max_lifetime: null,
    });
  }

  /** Connects if need be, and listens. */
  async listen(channels: Iterable<string>): Promise<void> {
    this.#lost = Promise.withResolvers();
    const statements = Array.from(channels, (name) => `listen "${name.replaceAll('"', '""')}"`);
    try {
      await this.#sql.unsafe(statements.join("; "));
    } catch (error) {
      throw readable(error, "Cannot listen for notifications", this.#sql);
    }
  }

  /** Resolves once the connection that listens is gone. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  /** Ends the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sql.end({ timeout: 1 });
  }
}
