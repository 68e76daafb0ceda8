/**
 * Claim: a worker with default options drains a full queue at 0.8 or more of what bare claim and
 * complete statements in two flows of 1000 can do, in the same run.
 *
 * `deno run -A bench/drain.ts [tasks] [rounds]`; the database as for the tests.
 *
 * @module
 */

import process from "node:process";
import { close, createQueue, processor, type Queue, setup, Worker } from "../mod.ts";
import { claim } from "../src/db/claim.ts";
import { complete } from "../src/db/settle.ts";
import { siteOf } from "../src/db/site.ts";
import { createTestDatabase } from "../tests/_support/database.ts";

const tasks = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 3);

await using database = await createTestDatabase();
const { sql, url } = database;
setup({ url });

async function filled(archive: boolean): Promise<Queue> {
  const queue = createQueue("drain", { archive });
  await queue.drop();
  await queue.create();
  await queue.enqueueMany(Array.from({ length: tasks }, (_, n) => ({ n })));
  await sql.unsafe("vacuum analyze pgmq.q_drain");
  await sql.unsafe("checkpoint");
  return queue;
}

async function rate(run: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await run();
  return tasks / (performance.now() - start) * 1000;
}

async function statements(queue: Queue, archive: boolean): Promise<void> {
  const site = await siteOf(sql, queue.definition.tables, "Cannot measure");
  const flow = async () => {
    for (;;) {
      const { deliveries } = await claim(site, { limit: 1000, leaseMs: 30_000 });
      if (deliveries.length === 0) return;
      await complete(site, deliveries, archive);
    }
  };
  await Promise.all([flow(), flow()]);
}

async function worker(queue: Queue): Promise<void> {
  const onTask = processor(queue, () => {});
  await new Worker({ processors: [onTask], concurrencyLimit: 10 }).drain();
}

for (const archive of [true, false]) {
  for (let round = 1; round <= rounds; round++) {
    let queue = await filled(archive);
    const bare = await rate(() => statements(queue, archive));
    queue = await filled(archive);
    const library = await rate(() => worker(queue));
    console.log(
      `archive ${archive}: statements ${Math.round(bare)}/s, worker ${Math.round(library)}/s, ` +
        `ratio ${(library / bare).toFixed(2)}`,
    );
  }
}
await close();
process.exit();
