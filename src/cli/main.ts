/**
 * Runs the command of a command line.
 *
 * @module
 */

import { commands } from "./commands.ts";
import { failureOf, Interrupted } from "./failures.ts";
import type { Host } from "./host.ts";
import { parseCommand, type Parsed, parseRest } from "./parse.ts";

/** Runs the command and resolves, when everything is closed again, to the exit code. */
export async function main(host: Host): Promise<number> {
  const { promise, reject } = Promise.withResolvers<never>();
  using _ = host.interrupts.take(() => reject(new Interrupted()));
  try {
    await Promise.race([dispatch(host), promise]);
    return 0;
  } catch (error) {
    return await fail(error, host);
  } finally {
    await host.resources.disposeAsync().catch((error) => fail(error, host));
  }
}

async function dispatch(host: Host): Promise<void> {
  const [name = "", ...args] = normal(host.args);
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) return await answer(host, await parseRest([name, ...args], host));
  const command = await entry.load();
  const parsed = parseCommand(name, command, args, host);
  if ("text" in parsed) return await answer(host, parsed);
  await command.run(parsed.options, host);
}

/** `help worker` is `worker --help`; nothing at all and `help` are `--help`. */
function normal(args: readonly string[]): readonly string[] {
  if (args.length === 0) return ["--help"];
  return args[0] === "help" ? [...args.slice(1, 2), "--help"] : args;
}

async function answer(host: Host, parsed: Parsed): Promise<void> {
  if ("text" in parsed) await host.stdout.write(`${parsed.text}\n`);
}

async function fail(error: unknown, { stderr, env }: Host): Promise<number> {
  const { code, line } = failureOf(error);
  // Whoever listened to stderr may have gone, too.
  if (line !== undefined) await stderr.write(`pgtq: ${line}\n`).catch(() => {});
  if (env.PGTQ_DEBUG && error instanceof Error) await stderr.write(`${error.stack}\n`);
  return code;
}
