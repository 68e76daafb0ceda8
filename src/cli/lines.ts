/**
 * Reads JSON Lines: one task per line.
 *
 * @module
 */

/** A line that holds something. */
export interface Line {
  /** Starting at 1. */
  readonly number: number;
  readonly text: string;
}

/** Splits bytes into lines, without those that are blank. */
export async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let number = 0;
  let rest = "";
  for await (const text of textOf(bytes, () => number + 1)) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      number++;
      if (line.trim()) yield { number, text: line };
    }
  }
  if (rest.trim()) yield { number: number + 1, text: rest };
}

/** Gathers what comes one by one into lists of at most `size`. */
export async function* chunksOf<T>(items: AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let chunk: T[] = [];
  for await (const item of items) {
    chunk.push(item);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Wrong bytes are an error: replacing them would put broken tasks into the queue. */
async function* textOf(
  bytes: AsyncIterable<Uint8Array>,
  line: () => number,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    for await (const chunk of bytes) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`it is not text in UTF-8, from line ${line()} on`, { cause: error });
  }
}
