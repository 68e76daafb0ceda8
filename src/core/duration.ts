/**
 * Durations as users write them.
 *
 * @module
 */

/**
 * A span of time: a number of **seconds**, or a string with a unit such as `"250ms"`, `"1.5s"`,
 * `"2m"`, `"12h"` or `"7d"`.
 */
export type Duration = number | string;

const units: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A hundred years: longer ones are mistakes, and timestamps end somewhere. */
const longest = 36_500 * 86_400_000;

/** What a duration has to be, as error messages say it. */
export const durationHint = 'a duration in seconds or like "250ms", "1.5s", "2m", "12h", "7d"';

/**
 * Converts a duration to milliseconds. `option` names it in the error.
 *
 * @throws {TypeError} if it is not a duration, negative, or longer than a hundred years
 */
export function milliseconds(duration: unknown, option: string): number {
  const value = parseDuration(duration);
  if (value !== undefined) return value;
  throw new TypeError(`${option} must be ${durationHint}: current value is ${shown(duration)}`);
}

/** A duration in milliseconds, `undefined` if it is none. */
export function parseDuration(duration: unknown): number | undefined {
  const value = typeof duration === "number" ? duration * 1000 : withUnit(duration);
  return value >= 0 && value <= longest ? value : undefined;
}

function withUnit(text: unknown): number {
  const match = typeof text === "string" ? /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text) : null;
  return match ? Number(match[1]) * units[match[2]!]! : NaN;
}

/** A value as an error message shows it: strings in quotes, and never a page of it. */
export function shown(value: unknown): string {
  const text = textOf(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}

/** Objects without a text of their own show what they hold; some can't even do that. */
function textOf(value: unknown): string {
  try {
    const text = String(value);
    const asJson = typeof value === "string" || Array.isArray(value) || text === "[object Object]";
    return asJson ? JSON.stringify(value) ?? text : text;
  } catch {
    return `an unprintable ${typeof value}`;
  }
}
