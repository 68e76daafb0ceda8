/**
 * Notifications of producers, and of pgmq's own trigger.
 *
 * @module
 */

import type { Sql } from "../db/connection.ts";
import { aborted } from "./clock.ts";
import type { Host } from "./host.ts";
import type { Lane } from "./lane.ts";
import { loop, Wakeup } from "./wakeup.ts";

/**
 * Wakes a lane when there is something in its queue, and whenever the driver listens anew after a
 * lost connection, as it may have missed something. Ends with the claiming.
 */
export async function listenFor(lane: Lane, sql: Sql, host: Host, pauseMs: number): Promise<void> {
  const { channel, name } = lane.site.tables;
  const wake = () => lane.wake();
  const turn = async () => {
    await sql.listen(channel, wake, wake);
    await aborted(host.claiming);
    return 0;
  };
  await loop(turn, {
    wakeup: new Wakeup(),
    signal: host.claiming,
    onError: (error) => host.events.emit("error", { queue: name, error }),
    pauseMs: () => pauseMs,
  });
}
