/**
 * The setting of a test file: a database of its own, which the library is set up to use.
 *
 * @module
 */

import { after, before } from "node:test";
import { createQueue, type Queue, type QueueOptions, setup, type Sql } from "../../mod.ts";
import { createTestDatabase, type TestDatabase } from "./database.ts";

/** What the tests of a file use. */
export interface FileDatabase {
  readonly url: string;
  readonly sql: Sql;
  /** Creates a queue of a new name. */
  newQueue<Task>(options?: QueueOptions<Task>): Promise<Queue<Task>>;
}

/** To be called at the top of a file: creates the database before its tests, drops it after them. */
export function fileDatabase(): FileDatabase {
  let database: TestDatabase;
  let queues = 0;
  before(async () => {
    database = await createTestDatabase();
    setup({ sql: database.sql });
  });
  after(() => database?.[Symbol.asyncDispose]());
  return {
    get url() {
      return database.url;
    },
    get sql() {
      return database.sql;
    },
    async newQueue<Task>(options: QueueOptions<Task> = {}) {
      const queue = createQueue<Task>(`queue_${++queues}`, options);
      await queue.create();
      return queue;
    },
  };
}
