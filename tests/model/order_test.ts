import assert from "node:assert/strict";
import { describe, it } from "node:test";
import process from "node:process";
import { createTestDatabase } from "../_support/database.ts";
import { check } from "./check.ts";
import { Tally } from "./situations.ts";

const runs = Number(process.env.PGTQ_MODEL_RUNS ?? 1000);
const seed = Number(process.env.PGTQ_MODEL_SEED ?? Math.floor(Math.random() * 2 ** 30));

/** With fewer runs the rarer situations may not occur: the rarest are in about one of 60. */
const enough = 1000;

describe(`claims, settlements and redrives in ${runs} random orders, seed ${seed}`, () => {
  const tally = new Tally();

  it("come out as the model says", { timeout: 600_000 }, async () => {
    await using database = await createTestDatabase();
    const reports: string[] = [];
    const onFailure = (report: string) => reports.push(report);
    await check({ url: database.url, runs, seed, flows: 3, tally, onFailure });
    assert.equal(reports.length, 0, reports.join("\n\n"));
  });

  it("go through every situation that matters", { skip: runs < enough }, () => {
    assert.deepEqual(tally.missing, []);
  });
});
