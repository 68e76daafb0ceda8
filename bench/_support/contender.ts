/**
 * The contender's side of a bench: a process that lives through all rounds and idles between them.
 *
 * A contender script calls {@linkcode contend} once, with the steps of a round:
 *
 * ```ts
 * await contend({
 *   prepare: async ({ tasks }) => {}, // not measured: empty the queue, fill it, connect
 *   run: async ({ tasks }) => {}, // measured; may return figures such as { p50: 1.2 }
 *   finish: async () => {}, // not measured: disconnect, so that nothing ticks until the next round
 * });
 * ```
 *
 * The protocol, should another language join: the process writes the line `{"ready":{}}`, reads one
 * request per line from stdin (`{"prepare":…}`, `{"go":…}` or `{"finish":…}`, each with the round's
 * settings) and answers each with one line: `{"done":{…}}`, with `elapsedMs`, `cpuMs` and figures
 * after `go`, or `{"failed":"…"}`. The end of stdin is its own end. Lines that don't start with `{`
 * are passed over. Needs nothing but `node:` modules, as the peers import it, too.
 *
 * @module
 */

import process from "node:process";
import { createInterface } from "node:readline";

/** What a round is about: the bench's settings and the contender's own. */
export type Settings = Readonly<Record<string, unknown>> & { readonly tasks: number };

/** Numbers by name. */
export type Figures = Readonly<Record<string, number>>;

/** The steps of a round. */
export interface Steps {
  /** Gets everything ready; not measured. */
  prepare(settings: Settings): Promise<void>;
  /** Is measured, from the request to its resolution: all tasks must be finished and stored then. */
  run(settings: Settings): Promise<Figures | void>;
  /** Puts everything to rest; not measured. */
  finish?(): Promise<void>;
}

/** The database of the bench. */
export function databaseUrl(): string {
  const url = process.env.PGTQ_BENCH_DATABASE;
  if (!url) throw new Error("A contender is started by a bench, which names the database");
  return url;
}

/** Serves rounds until the bench is over. */
export async function contend(steps: Steps): Promise<never> {
  const lines = createInterface({ input: process.stdin });
  // In the middle of a round, too: nobody is left to hear of it.
  lines.on("close", () => process.exit());
  tell({ ready: {} });
  for await (const line of lines) {
    try {
      tell({ done: await answer(steps, JSON.parse(line)) });
    } catch (error) {
      tell({ failed: error instanceof Error ? error.stack ?? error.message : String(error) });
    }
  }
  process.exit();
}

interface Request {
  readonly prepare?: Settings;
  readonly go?: Settings;
}

async function answer(steps: Steps, request: Request): Promise<Figures> {
  if (request.go) return await measured(steps, request.go);
  if (request.prepare) await steps.prepare(request.prepare);
  else await steps.finish?.();
  return {};
}

async function measured(steps: Steps, settings: Settings): Promise<Figures> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const figures = await steps.run(settings);
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { ...figures, elapsedMs, cpuMs: (user + system) / 1000 };
}

function tell(message: object): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
