/**
 * Notifications of producers, and of pgmq's own trigger.
 *
 * @module
 */

import type { Sql } from "../db/connection.ts";
import { Listener } from "../db/listener.ts";
import { channelsOf } from "../db/tables.ts";
import { aborted } from "./clock.ts";
import type { Host } from "./host.ts";
import type { Lane } from "./lane.ts";
import { loop, Wakeup } from "./wakeup.ts";

/**
 * Wakes each lane when there is something in its queue, and all of them when it has begun to listen,
 * at first or after a lost connection, as they may have missed something. Ends with the claiming.
 */
export async function listenFor(
  lanes: readonly Lane[],
  pool: Sql,
  { claiming, events }: Host,
  pauseMs: number,
): Promise<void> {
  const byChannel = new Map(
    lanes.flatMap((lane) => channelsOf(lane.site.tables).map((channel) => [channel, lane])),
  );
  await using listener = new Listener(pool, (channel) => byChannel.get(channel)?.wake());
  const turn = async () => {
    await Promise.race([listener.listen(byChannel.keys()), aborted(claiming)]);
    for (const lane of lanes) lane.wake();
    await Promise.race([listener.lost, aborted(claiming)]);
    return 0;
  };
  await loop(turn, {
    wakeup: new Wakeup(),
    signal: claiming,
    onError: (error) => events.emit("error", { queue: undefined, error }),
    pauseMs: () => pauseMs,
  });
}
