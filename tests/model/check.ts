/**
 * Runs of the model against the real thing, some side by side.
 *
 * @module
 */

import { inspect } from "node:util";
import * as fc from "fast-check";
import { commands, rules, seats } from "./commands.ts";
import { Run } from "./run.ts";
import type { Tally } from "./situations.ts";
import { Violation } from "./state.ts";
import { World } from "./world.ts";

/** How much to check. */
export interface Checking {
  /** The address of a database with pgmq. */
  readonly url: string;
  readonly runs: number;
  readonly seed: number;
  /** How many queues are in use at the same time: each has its share of the runs. */
  readonly flows: number;
  /** The run to repeat, and nothing else, as a report names it. */
  readonly path?: string | undefined;
  readonly tally: Tally;
  /** Gets the smallest counterexample of a flow, with all it takes to repeat it. */
  readonly onFailure: (report: string) => void;
}

/** Checks; a flow ends with its first failure. */
export async function check({ runs, flows, ...checking }: Checking): Promise<void> {
  const share = Math.ceil(runs / flows);
  const queues = Array.from({ length: checking.path ? 1 : flows }, (_, flow) => flow);
  await Promise.all(queues.map((flow) => checkOne({ ...checking, flow, share })));
}

interface Flow extends Omit<Checking, "runs" | "flows"> {
  readonly flow: number;
  readonly share: number;
}

async function checkOne(
  { url, seed, flow, share, path, tally, onFailure }: Flow,
): Promise<void> {
  await using world = await World.open(url, `model_${flow}`);
  const property = fc.asyncProperty(rules, seats, commands, async (rules, seats, commands) => {
    const run = await Run.start(world, rules, seats, tally);
    tally.runs++;
    try {
      await fc.asyncModelRun(() => ({ model: run, real: tally }), commands);
    } finally {
      await run.finish();
    }
  });
  const repeated = path === undefined ? { numRuns: share } : { path, numRuns: 1 };
  const result = await fc.check(property, { ...repeated, seed: seed + flow });
  if (result.failed) onFailure(reportOf(result, `${result.counterexample?.[2]}`));
}

type Failure = Pick<
  fc.RunDetailsCommon<unknown>,
  "seed" | "counterexamplePath" | "errorInstance" | "numRuns" | "numShrinks"
>;

function reportOf(
  { seed, counterexamplePath: path, errorInstance: error, numRuns, numShrinks }: Failure,
  commands: string,
): string {
  return `Failed in run ${numRuns}, shrunk ${numShrinks} times, seed ${seed}, path ${path}

  ${commands.replaceAll(/\),(?! )/g, ")\n  ")}

${error instanceof Violation ? error.message : inspect(error)}
Again: deno task model 1 ${seed} ${path?.split(":")[0]}`;
}
