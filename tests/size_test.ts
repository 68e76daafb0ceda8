import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { describe, it } from "node:test";

/** What programs load at their start, bundled and minified without the driver: bytes at most. */
const limits = [
  ["a program that only enqueues", "{ createQueue }", 40_000],
  ["a program that only works", "{ Worker }", 56_000],
  ["everything", "*", 85_000],
] as const;

/** Everything, with what is loaded on demand: a good third of it is the SQL that `install` runs. */
const limit = 164_000;

/** Words of what is loaded on demand: pgmq's SQL by `install`, LogTape by workers. */
const onDemand = ["create_non_partitioned", "logtape.lazy"];

const skip = !("Deno" in globalThis) && "the bundler is Deno's";

describe("the bundle", { skip }, () => {
  for (const [what, exported, limit] of limits) {
    it(`of ${what} is small`, () => below(limit, bundle(exported).atStart));
  }

  it("of everything stays within bounds with what is loaded on demand", () => {
    const { all, atStart } = bundle("*");
    below(limit, all);
    for (const word of onDemand) {
      assert.ok(all.some((text) => text.includes(word)), word);
      assert.ok(!atStart.some((text) => text.includes(word)), word);
    }
  });
});

function below(limit: number, texts: readonly string[]): void {
  const bytes = texts.reduce((sum, text) => sum + new TextEncoder().encode(text).length, 0);
  assert.ok(bytes <= limit, `${bytes} bytes, where ${limit} are allowed`);
}

interface Bundle {
  /** The texts that the first import loads. */
  readonly atStart: readonly string[];
  /** These, and what they may import later. */
  readonly all: readonly string[];
}

function bundle(exported: string): Bundle {
  const folder = mkdtempSync(join(tmpdir(), "pgtq-size-"));
  try {
    const entry = join(folder, "entry.ts");
    writeFileSync(entry, `export ${exported} from "${new URL("../mod.ts", import.meta.url)}";`);
    const flags = ["--quiet", "--minify", "--platform=browser", "--external=postgres"];
    const output = ["--code-splitting", `--outdir=${folder}`];
    execFileSync(process.execPath, ["bundle", ...flags, ...output, entry]);
    return {
      atStart: reachable(folder, /\b(?:from|import)"\.\/([^"]+)"/g),
      all: reachable(folder, /\b(?:from|import)\(?"\.\/([^"]+)"/g),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The texts of the entry and of whatever `imports` finds from there. */
function reachable(folder: string, imports: RegExp): string[] {
  const texts = new Map<string, string>();
  const visit = (name: string) => {
    if (texts.has(name)) return;
    const text = readFileSync(join(folder, name), "utf8");
    texts.set(name, text);
    for (const [, next] of text.matchAll(imports)) visit(next!);
  };
  visit("entry.js");
  return [...texts.values()];
}
