/**
 * A result as Markdown, which reads well in a terminal, too.
 *
 * @module
 */

import { labelOf, shown, shownRatio } from "./figures.ts";
import type { Result } from "./result.ts";

/** The tables of a result: figures, ratios and targets. */
export function tables({ rows, ratios, targets }: Result): string {
  const figures = [...new Set(rows.flatMap((row) => Object.keys(row.figures)))];
  const parts = [
    table(
      ["", ...figures.map(labelOf)],
      rows.map((row) => [
        row.contender,
        ...figures.map((figure) => shown(figure, row.figures[figure])),
      ]),
    ),
  ];
  if (ratios.length > 0) {
    const lines = ratios.map((ratio) => [
      `${ratio.of} / ${ratio.to}`,
      labelOf(ratio.figure),
      shownRatio(ratio),
    ]);
    parts.push(table(["in the same round", "of", "ratio"], lines));
  }
  if (targets.length > 0) {
    const lines = targets.map(({ target, value, met }) => [
      target,
      value.toLocaleString("en-US", { maximumSignificantDigits: value < 1000 ? 3 : 6 }),
      met ? "met" : "**missed**",
    ]);
    parts.push(table(["target", "median", ""], lines));
  }
  return parts.join("\n\n");
}

/** Where and how a result was measured, as one line. */
export function circumstances({ date, runtime, postgres, cpu, settings }: Result): string {
  const { counts, peers, server } = settings as Record<string, Record<string, unknown>>;
  const list = (values: Record<string, unknown> = {}) =>
    Object.entries(values).map(([name, value]) => `${name} ${value}`).join(", ");
  return [
    `${date.slice(0, 10)}, ${runtime}, Postgres ${postgres} (${list(server)})`,
    `${cpu.count} × ${cpu.model} shared by all`,
    `${list(counts)}`,
    ...(peers ? [`peers: ${list(peers)}`] : []),
  ].join("; ");
}

/** A Markdown table with columns padded as the formatter wants them. */
function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const widths = head.map((_, n) => Math.max(3, ...[head, ...lines].map((l) => l[n]!.length)));
  const row = (cells: readonly string[]) =>
    `| ${cells.map((cell, n) => cell.padEnd(widths[n]!)).join(" | ")} |`;
  return [row(head), row(widths.map((width) => "-".repeat(width))), ...lines.map(row)].join("\n");
}
