/**
 * How claimed tasks travel: many in a row, column by column.
 *
 * To the driver a row and a column are each as much work as a whole text, which JSON takes apart
 * much faster.
 *
 * @module
 */

import { type Delivery, headersOf } from "../core/task.ts";

/** So many tasks travel in a row: much more would not save more, and texts must not get too long. */
const size = 50;

/** A row of tasks; all columns are null in the one row that says that there are none. */
export interface Parcel {
  readonly ids: string | null;
  readonly deliveries: string;
  readonly enqueued: string;
  readonly messages: string;
  readonly headers: string;
}

/** The rows of `claimed` as parcels, numbered by `part`, in an order that `places` tells. */
export function parcels(places: string, order: string): string {
  const all = (column: string) => `json_agg(${column} order by place)::text`;
  return `
      select (place - 1) / ${size} as part, ${all("id")} as ids, ${all("deliveries")} as deliveries,
        ${all("enqueued")} as enqueued, ${all("message")} as messages, ${all("headers")} as headers
      from (
        select claimed.*, row_number() over (order by ${order}) as place
        from claimed left join ${places} on ${places}.msg_id = claimed.id
      ) placed group by part`;
}

/** The tasks of a parcel. */
export function unpack({ ids, ...columns }: Parcel): Delivery[] {
  if (ids === null) return [];
  const deliveries: number[] = JSON.parse(columns.deliveries);
  const enqueued: number[] = JSON.parse(columns.enqueued);
  const messages: unknown[] = JSON.parse(columns.messages);
  const headers: unknown[] = JSON.parse(columns.headers);
  return (JSON.parse(ids) as number[]).map((id, i) => ({
    id,
    deliveries: deliveries[i]!,
    enqueuedAt: new Date(enqueued[i]!),
    message: messages[i],
    headers: headersOf(headers[i]),
  }));
}
