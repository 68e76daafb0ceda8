/**
 * A line that tells how far a command is.
 *
 * @module
 */

import { after } from "../engine/clock.ts";
import type { Writer } from "./host.ts";
import { cut } from "./output.ts";

/** How often a terminal is redrawn: often enough to look alive. */
const drawMs = 100;

/**
 * Shows a text that changes until it is disposed of: one line of a terminal that is redrawn, and
 * anywhere else a line every `lineMs` milliseconds, or nothing.
 */
export function showProgress(out: Writer, text: () => string, lineMs?: number): Disposable {
  const intervalMs = out.isTTY ? drawMs : lineMs;
  if (intervalMs === undefined) return { [Symbol.dispose]: () => {} };
  let timer = after(intervalMs, tick);
  function tick(): void {
    write(out, out.isTTY ? `\r${cut(text(), out.columns - 1)}\x1b[K` : `${text()}\n`);
    timer = after(intervalMs!, tick);
  }
  return {
    [Symbol.dispose]: () => {
      timer[Symbol.dispose]();
      if (out.isTTY) write(out, `\r\x1b[K`);
    },
  };
}

/** Nobody reads it any more? The command itself will notice. */
function write(out: Writer, text: string): void {
  out.write(text).catch(() => {});
}
