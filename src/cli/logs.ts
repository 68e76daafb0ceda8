/**
 * Where the log of a worker goes.
 *
 * @module
 */

import { configure, getConfig, type LogRecord } from "@logtape/logtape";
import { messageOf, oneLine } from "./failures.ts";
import type { Writer } from "./host.ts";

/** Sends logs to a writer, one line per record, unless a module of the user's has its own plans. */
export async function logTo(out: Writer): Promise<void> {
  if (getConfig() !== null) return;
  const write = (record: LogRecord) => void out.write(`${lineOf(record)}\n`).catch(() => {});
  await configure({
    sinks: { lines: write },
    loggers: [
      { category: [], lowestLevel: "info", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "warning", sinks: ["lines"] },
    ],
  });
}

/** A record as one line: `2026-11-23T14:05:06.789Z warn pgtq.worker: …`. */
export function lineOf({ timestamp, level, category, message }: LogRecord): string {
  const text = message.map((part) => typeof part === "string" ? part : show(part)).join("");
  return `${new Date(timestamp).toISOString()} ${level} ${category.join(".")}: ${oneLine(text)}`;
}

function show(value: unknown): string {
  if (value instanceof Error) return messageOf(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
