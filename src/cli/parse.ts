/**
 * Makes sense of a command line.
 *
 * @module
 */

import { object, or } from "@optique/core/constructs";
import { runParserSync } from "@optique/core/facade";
import { message, type MessageTerm } from "@optique/core/message";
import type { Parser } from "@optique/core/parser";
import { command } from "@optique/core/primitives";
import type { Usage, UsageTerm } from "@optique/core/usage";
import type { Command } from "./command.ts";
import { commands } from "./commands.ts";
import { oneLine, UsageError } from "./failures.ts";
import type { Host } from "./host.ts";
import { version } from "./version.ts";

/** What was asked for: to do something, or only to read a text such as the help page. */
export type Parsed = { readonly options: unknown } | { readonly text: string };

/**
 * Parses what stands after a command's name.
 *
 * @throws {UsageError} in one line, with the flag that was probably meant
 */
export function parseCommand(
  name: string,
  { parser, examples }: Command,
  args: readonly string[],
  host: Host,
): Parsed {
  const meta = { brief: message`${text(commands[name]!.brief)}.`, usageLine: shortUsage };
  const parsed = parse(parser, `pgtq ${name}`, args, host, meta);
  if ("options" in parsed) return parsed;
  // Added by hand, as Optique would wrap lines that are to be copied.
  const lines = examples.map((example) => `  ${host.program} ${name} ${example}`.trimEnd());
  return { text: `${parsed.text.trimEnd()}\n\nExamples:\n${lines.join("\n")}` };
}

/**
 * Parses a command line that names no command we know.
 *
 * One parser for everything would do for all of them. But it loads everything at each start, and
 * doesn't know which flag was meant: that is why each command is parsed by itself.
 */
export async function parseRest(args: readonly string[], host: Host): Promise<Parsed> {
  // Completion walks through the whole grammar; the rest needs the names only.
  const whole = args[0] === "completion";
  const entries = Object.entries(commands).map(async ([name, { brief, load }]) => {
    const parser = whole ? (await load()).parser : object({});
    return command(name, parser, { brief: message`${text(brief)}.` });
  });
  const [first, ...rest] = await Promise.all(entries);
  const meta = {
    brief: message`A task queue on Postgres, version ${text(version)}.`,
    usageLine: [{ type: "argument", metavar: "COMMAND" }] satisfies Usage,
    footer: message`${text(`${host.program} <command> --help shows options and examples.`)}`,
    version: { value: version, option: true as const },
    completion: { command: true as const },
  };
  return parse(rest.reduce(either, first!), "pgtq", args, host, meta);
}

type AnyParser = Parser<"sync", unknown, unknown>;

function either(one: AnyParser, other: AnyParser): AnyParser {
  return or(one, other);
}

function parse(
  parser: AnyParser,
  program: string,
  args: readonly string[],
  { stdout, env }: Host,
  meta: object,
): Parsed {
  let text: string | undefined;
  let problem: string | undefined;
  const options = runParserSync(parser, program, args, {
    ...meta,
    help: { option: { names: ["--help", "-h"] } },
    aboveError: "none",
    showDefault: { prefix: " (default: ", suffix: ")" },
    showChoices: true,
    termWidth: "auto",
    colors: stdout.isTTY && !env.NO_COLOR,
    maxWidth: Math.max(60, Math.min(stdout.isTTY ? stdout.columns : 100, 100)),
    stdout: (line) => text = text === undefined ? line : `${text}\n${line}`,
    stderr: (line) => problem = line,
    onError: () => undefined as never,
  });
  if (problem !== undefined) throw new UsageError(readable(problem, program));
  return text === undefined ? { options } : { text };
}

function readable(problem: string, program: string): string {
  return `${oneLine(problem.replace(/^Error: /, ""))} Try \`${program} --help\``;
}

/** All options by one word: they are listed below with what they mean. */
function shortUsage(usage: Usage): Usage {
  const options = { type: "optional", terms: [{ type: "literal", value: "OPTIONS" }] } as const;
  return [options, ...usage.flatMap(argumentsOf)];
}

function argumentsOf(term: UsageTerm): Usage {
  if (term.type === "exclusive" || term.type === "sequence") {
    return term.terms.flat().flatMap(argumentsOf);
  }
  if (term.type === "optional" || term.type === "multiple") {
    return term.terms.some((part) => argumentsOf(part).length > 0) ? [term] : [];
  }
  return term.type === "argument" ? [term] : [];
}

function text(text: string): MessageTerm {
  return { type: "text", text };
}
