/**
 * What a lane does at its own pace beside claiming and running: writing results, renewing leases,
 * ending attempts that are over their time, and keeping up with what other workers claim by.
 *
 * @module
 */

import type { Attempts } from "./attempts.ts";
import type { Claimer } from "./claimer.ts";
import type { Host, LaneOptions } from "./host.ts";
import type { Leases } from "./lease.ts";
import type { OutboxOptions } from "./outbox.ts";
import type { Settler } from "./settler.ts";
import { loop, Wakeup } from "./wakeup.ts";

/** The parts of a lane that want looking after. */
export interface Charges {
  readonly settler: Settler;
  readonly leases: Leases;
  readonly attempts: Attempts;
  readonly claimer: Claimer;
}

/** Looks after them until the host's signals: `claiming` for the claimer, `working` for the rest. */
export async function upkeep(
  { settler, leases, attempts, claimer }: Charges,
  { claiming, working }: Host,
  { leaseMs, pauseMs }: LaneOptions,
  told: Pick<OutboxOptions, "onError" | "onSettled" | "onWritten">,
): Promise<void> {
  const { onError } = told;
  const keep = (turn: () => Promise<number>, pause = pauseMs, signal = working) =>
    loop(turn, { wakeup: new Wakeup(), signal, onError, pauseMs: () => pause });
  await Promise.all([
    settler.run({ signal: working, pauseMs, ...told }),
    keep(() => leases.renew(), Math.min(pauseMs, leaseMs / 10)),
    keep(() => Promise.resolve(attempts.limit())),
    keep(() => claimer.tend(), pauseMs, claiming),
  ]);
}
