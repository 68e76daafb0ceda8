import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { claim } from "../../src/db/claim.ts";
import { reap } from "../../src/db/flights.ts";
import { type Backend, openBackend } from "../_support/backend.ts";
import { fly } from "../_support/crews.ts";
import { Python } from "../_support/python_rows.ts";
import { limited, type StrictQueue, strictQueue } from "../_support/strict_queue.ts";

/** A queue of twenty, and a crew with one seat that has claimed three and crashed. */
async function abandoned(
  use: (queue: StrictQueue, backend: Backend) => Promise<unknown>,
): Promise<void> {
  await using backend = await openBackend("ours");
  await using queue = await strictQueue(backend);
  await queue.send(...Array(20));
  const crew = { worker: "dead", seats: 1 };
  const { deliveries } = await queue.claim({ ...limited(4), crew, limit: 3 });
  assert.equal(deliveries.length, 3);
  await queue.change("vt = now() - interval '1 second' where read_ct = 1");
  await use(queue, backend);
  // All three count: one more makes four.
  const claimed = await queue.claim({ ...limited(4), crew: { worker: "a", seats: 3 } });
  assert.deepEqual([claimed.deliveries.length, claimed.inFlight], [1, 3]);
}

describe("what a crew had claimed ahead counts one by one", () => {
  it("once workers in Python have taken it over, headers and all", () =>
    abandoned(async (queue, { sql }) => {
      const python = new Python(sql, queue.made.queue);
      for (let i = 0; i < 3; i++) assert.ok(await python.take());
      await reap(queue.made.site);
    }));

  it("once a worker without rules has taken it over", () =>
    abandoned((queue) => claim(queue.made.site, { limit: 3, leaseMs: 60_000 })));
});

it("seats that no worker names make nothing count for less", async () => {
  await using backend = await openBackend("ours");
  await using queue = await strictQueue(backend);
  await queue.send(...Array(20));
  await fly(queue, 1, {});
  await fly(queue, 2, {});
  await fly(queue, 3, { "x-pgtq-rules": { seats: 1 } });
  const claimed = await queue.claim({ ...limited(4), crew: { worker: "a", seats: 2 } });
  assert.deepEqual([claimed.deliveries.length, claimed.inFlight], [1, 3]);
});
