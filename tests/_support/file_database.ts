/**
 * The setting of a test file: a database of its own, which the library is set up to use.
 *
 * @module
 */

import { after, before } from "node:test";
import { close, createQueue, type Queue, type QueueOptions, setup, type Sql } from "../../mod.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";
import { pooled, wayTo } from "./pooler.ts";

/** What the tests of a file use. */
export interface FileDatabase {
  readonly url: string;
  readonly sql: Sql;
  /** Sets the library up for it, once more where a test has set up something else. */
  use(): void;
  /** Creates a queue of a new name. */
  newQueue<Task>(options?: QueueOptions<Task>): Promise<Queue<Task>>;
}

/** To be called at the top of a file: creates the database before its tests, drops it after them. */
export function fileDatabase(): FileDatabase {
  let database: TestDatabase;
  let queues = 0;
  const use = () => setup(pooled ? wayTo(database.url) : { sql: database.sql });
  before(async () => {
    database = await createTestDatabase();
    use();
  });
  after(async () => {
    await close();
    await database?.[Symbol.asyncDispose]();
  });
  return {
    get url() {
      return database.url;
    },
    get sql() {
      return database.sql;
    },
    use,
    async newQueue<Task>(options: QueueOptions<Task> = {}) {
      const queue = createQueue<Task>(`queue_${++queues}`, options);
      await queue.create();
      return queue;
    },
  };
}
