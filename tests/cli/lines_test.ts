import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { chunksOf, linesOf } from "../../src/cli/lines.ts";

async function* pieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function lines(text: string | Uint8Array, size = 3) {
  const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
  const found = await Array.fromAsync(linesOf(pieces(bytes, size)));
  return found.map(({ number, text }) => [number, text.trim()]);
}

describe("lines", () => {
  it("are the same however the bytes arrive", async () => {
    const text = '{"a":"ä€😀"}\n2\n\n  \n[3]';
    for (const size of [1, 2, 3, 7, 100]) {
      assert.deepEqual(await lines(text, size), [[1, '{"a":"ä€😀"}'], [2, "2"], [5, "[3]"]]);
    }
  });

  it("may end like those of Windows, and the last one not at all", async () => {
    assert.deepEqual(await lines("\ufeff1\r\n2\r\n"), [[1, "1"], [2, "2"]]);
    assert.deepEqual(await lines("1"), [[1, "1"]]);
    assert.deepEqual(await lines(""), []);
  });

  it("are not made up from bytes that are not text", async () => {
    const bytes = new Uint8Array([0x31, 0x0a, 0xff, 0xfe, 0x0a]);
    await assert.rejects(lines(bytes, 2), /not text in UTF-8, from line 2 on/);
    await assert.rejects(lines(new Uint8Array([0xe2, 0x82])), /from line 1 on/);
  });
});

describe("chunks", () => {
  it("are full but for the last", async () => {
    const numbers = async function* (count: number) {
      for (let i = 0; i < count; i++) yield i;
    };
    const sizes = async (count: number) =>
      (await Array.fromAsync(chunksOf(numbers(count), 3))).map((chunk) => chunk.length);
    assert.deepEqual(await sizes(0), []);
    assert.deepEqual(await sizes(3), [3]);
    assert.deepEqual(await sizes(7), [3, 3, 1]);
  });
});
