/**
 * The bench's side of the contender protocol: starts a process and asks it for one step at a time.
 *
 * @module
 */

import { type ChildProcessByStdio, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Figures, Settings } from "./contender.ts";
import { commandFor } from "./runtimes.ts";

/** A contender's process. */
export interface Child extends AsyncDisposable {
  /** One step of a round; rejects with what went wrong in the process. */
  ask(step: "prepare" | "go" | "finish", settings: Settings): Promise<Figures>;
}

interface Answer {
  readonly ready?: object;
  readonly done?: Figures;
  readonly failed?: string;
}

/** Starts a contender script, on Node if it is a peer's, else on our own runtime. */
export async function start(script: URL, databaseUrl: string): Promise<Child> {
  const [command, ...parameters] = await commandFor(script);
  const child = spawn(command!, parameters, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, PGTQ_BENCH_DATABASE: databaseUrl, NO_COLOR: "1" },
  });
  const closed = new Promise((resolve) => child.on("close", resolve));
  // Of a process that has ended: the answer that is awaited says so.
  child.stdin.on("error", () => {});
  const name = script.pathname.split("/").at(-1)!;
  const next = answers(child, name);
  if (!(await next()).ready) throw new Error(`${name} didn't say that it is ready`);
  return {
    async ask(step, settings) {
      child.stdin.write(`${JSON.stringify({ [step]: settings })}\n`);
      const { done, failed } = await next();
      if (!done) throw new Error(`${name} can't ${step}: ${failed}`);
      return done;
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await closed;
    },
  };
}

/** Returns a function that waits for the next answer. */
function answers(
  child: ChildProcessByStdio<Writable, Readable, null>,
  name: string,
): () => Promise<Answer> {
  const lines = createInterface({ input: child.stdout });
  let waiting = Promise.withResolvers<Answer>();
  lines.on("line", (line) => {
    if (line.startsWith("{")) waiting.resolve(JSON.parse(line));
    else console.error(`${name}: ${line}`);
  });
  const end = (reason: unknown) => waiting.reject(new Error(`${name} has ended: ${reason}`));
  child.on("error", end);
  child.on("close", (code, signal) => end(signal ?? code));
  // A process that ends between two steps is found out at the next one.
  waiting.promise.catch(() => {});
  return async () => {
    const answer = await waiting.promise;
    waiting = Promise.withResolvers();
    waiting.promise.catch(() => {});
    return answer;
  };
}
