import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PgtqError } from "../../src/core/errors.ts";
import { now } from "../../src/engine/clock.ts";
import { Outbox, type Settlement, type Write } from "../../src/engine/outbox.ts";

/** Runs an outbox over tasks with these ids until all are done; returns them in that order. */
async function settle(ids: readonly number[], write: Write, leaseUntil = now() + 60_000) {
  const controller = new AbortController();
  const done: [number, boolean][] = [];
  const errors: unknown[] = [];
  const outbox = new Outbox(write);
  for (const id of ids) {
    const delivery = { id, deliveries: 1, enqueuedAt: new Date(0), message: null, headers: {} };
    const rest = { attempt: 1, claimedAt: 0, leaseUntil, settling: true, superseded: false };
    outbox.add({
      held: { delivery, ...rest },
      verdict: { kind: "complete" },
      durationMs: 0,
    });
  }
  const onError = (error: unknown) => void errors.push(error);
  const onSettled = ({ held }: Settlement, applied: boolean) => {
    done.push([held.delivery.id, applied]);
    if (done.length === ids.length) controller.abort();
  };
  await outbox.run({ signal: controller.signal, onError, onSettled, pauseMs: 20 });
  return { done, errors };
}

const idsOf = (batch: readonly Settlement[]) => batch.map(({ held }) => held.delivery.id);
const ids = Array.from({ length: 300 }, (_, i) => i);

describe("an outbox", () => {
  it("writes what it has in one statement", async () => {
    const sizes: number[] = [];
    const { done } = await settle(ids, (batch) => {
      sizes.push(batch.length);
      return Promise.resolve(new Set(idsOf(batch)));
    });
    assert.deepEqual(sizes, [300]);
    assert.deepEqual(done, ids.map((id) => [id, true]));
  });

  it("isolates a verdict that can't be written, and writes it when it can", async () => {
    let written = 0;
    let failures = 0;
    const { done, errors } = await settle(ids, (batch) => {
      const bad = idsOf(batch).includes(137);
      if (bad && (written < 299 || failures++ === 0)) return Promise.reject(new Error("bad row"));
      written += batch.length;
      return Promise.resolve(new Set(idsOf(batch)));
    });
    assert.equal(done.length, 300);
    assert.deepEqual(done.at(-1), [137, true]);
    assert.match(String(errors[0]), /bad row/);
  });

  it("keeps all together when there is no database, and tries again", async () => {
    const sizes: number[] = [];
    const { done } = await settle(ids, (batch) => {
      sizes.push(batch.length);
      const gone = new PgtqError("NO_DATABASE", "gone");
      return sizes.length < 3 ? Promise.reject(gone) : Promise.resolve(new Set(idsOf(batch)));
    });
    assert.deepEqual(sizes, [300, 300, 300]);
    assert.equal(done.length, 300);
  });

  it("takes a verdict in doubt for applied while the lease lasts, and for lost after", async () => {
    for (const [leaseUntil, applied] of [[now() + 60_000, true], [now() - 1, false]] as const) {
      let tries = 0;
      const { done } = await settle([1], () => {
        const gone = new PgtqError("NO_DATABASE", "no answer");
        return ++tries === 1 ? Promise.reject(gone) : Promise.resolve(new Set());
      }, leaseUntil);
      assert.deepEqual(done, [[1, applied]]);
    }
  });

  it("takes a verdict that finds nothing at once for lost", async () => {
    const { done } = await settle([1], () => Promise.resolve(new Set()));
    assert.deepEqual(done, [[1, false]]);
  });
});
