/**
 * What the demo shows.
 *
 * @module
 */

import { hashTable } from "../../db/demo.ts";
import { cut, number } from "../output.ts";
import { percentile, type Tally } from "./tally.ts";
import { queueName } from "./tasks.ts";

const barWidth = 24;

/** One line on how far the run is. */
export function progressLine(tally: Tally, expected: number, seconds: number): string {
  const { done, retried, dead } = tally;
  const over = done + dead.length;
  // Two demos at once share their work, and one of them may do more than it had expected.
  const total = Math.max(expected, over);
  const filled = Math.round(barWidth * over / total);
  const bar = "█".repeat(filled) + "░".repeat(barWidth - filled);
  const speed = `${number(Math.round(over / seconds))} tasks/s`;
  return `  ${bar} ${number(over)}/${number(total)}  ${number(done)} done, ` +
    `${number(retried)} retried, ${dead.length} dead, ${speed}`;
}

/** How the run went. */
export function summary(tally: Tally): string {
  const { done, retried, dead, durations, bytes, quick, quickSeconds } = tally;
  const megabytes = `${number(bytes / 1e6)} MB`;
  const speed = `${number(Math.round(quick / quickSeconds))} tasks/s`;
  const ms = (part: number) => `${percentile(durations, part).toFixed(1)} ms`;
  const time = `${number(quick)} in ${quickSeconds.toFixed(2)} s`;
  return [
    `  done    ${number(done)}: ${megabytes} hashed, results in the table ${hashTable}`,
    `  retried ${number(retried)}: attempts that failed and were made again`,
    `  dead    ${number(dead.length)}: failed for good, they wait in ${queueName}_dlq`,
    ...dead.slice(0, 5).map((line) => `          ${cut(line, 90)}`),
    `  speed   ${speed}: ${time}, the rest was waiting for those that hang`,
    `  handler p50 ${ms(0.5)}, p99 ${ms(0.99)}, to read and hash a file and write a row`,
    "",
  ].join("\n");
}

/** Commands that go on from here. */
export function nextSteps(program: string, embedded: boolean): string {
  const flag = embedded ? " --embedded" : "";
  const steps = [
    ["how full the queues are", `stats${flag}`],
    ["what failed, and why", `list ${queueName} --state dead${flag}`],
    ["try it again, with the next demo", `redrive ${queueName} --all${flag}`],
    ["run processors of your own", "worker --help"],
  ];
  const lines = steps.map(([what, step]) => `  # ${what}\n  ${program} ${step}\n`);
  return `\nTry next:\n${lines.join("")}`;
}
