/**
 * Checks the rules of the layout that a machine can check, on all files that git knows or would add.
 *
 * `deno run -A scripts/rules.ts` prints each violation as `file:line: rule` and exits with 1.
 *
 * @module
 */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path/posix";
import process from "node:process";
import { functionsOf, type Import, importsOf, read, type Source } from "./source.ts";

/** A file and what it holds. */
export interface File {
  readonly path: string;
  readonly text: string;
}

interface Finding {
  readonly start: number;
  readonly rule: string;
}

type Rule = (source: Source) => Finding[];

/** The files directly in `src/` that belong to floor 2; the others there are doors. */
const definitions = /^src\/(?:queue|processor)(?:_\w+)?\.ts$/;

/** The floor of a file: imports go down or stay. `mod.ts` and tests are on none. */
function floorOf(path: string): number | undefined {
  if (path.startsWith("src/core/")) return 0;
  if (path.startsWith("src/db/")) return 1;
  if (path.startsWith("src/engine/") || definitions.test(path)) return 2;
  if (path.startsWith("src/cli/") || path === "cli.ts") return 4;
  return path.startsWith("src/") ? 3 : undefined;
}

/** The name of a door: `src/http.ts` and all of `src/http/` are one. */
function doorOf(path: string): string | undefined {
  return floorOf(path) === 3 ? /^src\/(\w+)/.exec(path)?.[1] : undefined;
}

/** Packages that only some files may import. */
const homes: Readonly<Record<string, RegExp>> = {
  "postgres": /^src\/db\/connection\.ts$/,
  // Where the options of users are checked.
  "valibot": /^src\/(?!db\/|engine\/|queue\.ts|processor\.ts)|_options\.ts$|^cli\.ts$/,
  "hono": /^src\/http(?:\/|\.ts$)/,
  "hono-openapi": /^src\/http(?:\/|\.ts$)/,
  "@opentelemetry/api": /^src\/otel\.ts$/,
  "@optique/core": /^src\/cli\/|^cli\.ts$/,
  "@optique/run": /^src\/cli\/|^cli\.ts$/,
};

const sql = new RegExp(
  "\\b(?:select\\s[^]*\\bfrom\\s|select\\s+pg|insert\\s+into|update\\s+\\S+\\s+set|delete\\s+from|" +
    "(?:create|alter|drop)\\s+(?:table|index|schema|extension|role|database|function)|" +
    'truncate\\s|(?:un)?listen\\s+["\\w]|notify\\s+["\\w])',
  "i",
);

const inSource: readonly Rule[] = [
  imports,
  (source) => source.path.startsWith("src/db/") ? [] : sqlIn(source),
  words("only src/engine/clock.ts reads clocks or sets timers", {
    pattern:
      /\b(?:setTimeout|setInterval|setImmediate|Date\.now|performance\.now|AbortSignal\.timeout)\b|\bnew Date\(\)/g,
    except: /^src\/engine\/clock\.ts$/,
  }),
  words("only cli.ts touches the process", {
    pattern:
      /(?<![.#\w])(?:process\s*(?:\.|\?\.|\[)|Deno\.|Bun\.)|\bglobalThis\.(?:process|Deno|Bun)\b/g,
    except: /^cli\.ts$|^src\/embedded(?:\/|\.ts$)|^src\/db\/connection\.ts$/,
  }),
  words("no console", { pattern: /(?<![.\w])console\s*[.[]/g, except: /^cli\.ts$/ }),
  (source) => tooLong(source),
  (source) =>
    functionsOf(source).filter(({ lines }) => lines > 60).map(({ start, lines }) => ({
      start,
      rule: `a function has at most 60 lines: this one has ${lines}`,
    })),
];

const looseAssert = /^import \{[^}]*\} from "node:assert\/strict"/gm;

const everywhere: readonly Rule[] = [
  words("no any", {
    // A reason given to the linter will do for the line below it.
    unless: /deno-lint-ignore no-explicit-any -- .*\n.*$/,
    pattern: /(?:[:<,|&(=]|\bas|\bextends)\s*any\b(?!\s*[:(.])|\bany\[\]/g,
  }),
  words("no enum", { pattern: /^[ \t]*(?:export\s+|declare\s+|const\s+)*enum\s+\w/gm }),
  words("no default exports", { pattern: /\bexport\s+default\b|\bas\s+default\b/g }),
  ({ text }) =>
    matches(text, looseAssert, "no assert by name: on Deno its functions are loose then"),
  (source) =>
    importsOf(source).filter(({ specifier }) => specifier.startsWith("jsr:")).map(({ start }) => ({
      start,
      rule: "nothing from jsr:, which bunx can't resolve",
    })),
];

/** All violations in these files, as `file:line: rule`. */
export function violations(files: readonly File[]): string[] {
  const found = files.flatMap(({ path, text }) => {
    const findings = machineTraces(path, text);
    if (path.endsWith(".ts")) {
      const source = read(path, text);
      const rules = isSource(path) ? [...inSource, ...everywhere] : everywhere;
      findings.push(...rules.flatMap((rule) => rule(source)));
      if (path.startsWith("scripts/")) findings.push(...tooLong(source));
    }
    return findings.map(({ start, rule }) => {
      return `${path}:${text.slice(0, start).split("\n").length}: ${rule}`;
    });
  });
  return [...found, ...cycles(files)];
}

function isSource(path: string): boolean {
  return path.startsWith("src/") || path === "mod.ts" || path === "cli.ts";
}

interface Words {
  readonly pattern: RegExp;
  /** Files that may. */
  readonly except?: RegExp;
  /** Text before the word with which it may be there. */
  readonly unless?: RegExp;
}

function matches(text: string, pattern: RegExp, rule: string): Finding[] {
  return [...text.matchAll(pattern)].map(({ index: start }) => ({ start, rule }));
}

function words(rule: string, { pattern, except, unless }: Words): Rule {
  return ({ path, text, code }) => {
    if (except?.test(path)) return [];
    return matches(code, pattern, rule).filter(({ start }) => !unless?.test(text.slice(0, start)));
  };
}

function sqlIn({ literals, code }: Source): Finding[] {
  const rule = "only src/db/ speaks SQL";
  const texts = literals.filter(({ text }) => sql.test(text)).map(({ start }) => ({ start, rule }));
  return [...texts, ...matches(code, /\b(?:sql|tx)`/g, rule)];
}

function tooLong({ path, text }: Source): Finding[] {
  const lines = text.trimEnd().split("\n").length;
  if (lines <= 250 || path === "src/db/pgmq_sql.ts") return [];
  return [{ start: text.length - 1, rule: `a file has at most 250 lines: this one has ${lines}` }];
}

function imports(source: Source): Finding[] {
  return importsOf(source).flatMap((imported) => {
    const rules = imported.specifier.startsWith(".")
      ? [...floorRules(source.path, imported), ...barrelRules(source.path, imported)]
      : packageRules(source.path, imported);
    return rules.map((rule) => ({ start: imported.start, rule }));
  });
}

function floorRules(path: string, { specifier }: Import): string[] {
  const target = targetOf(path, specifier);
  const floor = floorOf(target);
  if (path === "mod.ts") return floor! <= 2 ? [] : [`mod.ts exports floors 0 to 2: not ${target}`];
  if (floor === undefined) return floorOf(path) === 4 ? [] : [`${target} is not for src/`];
  const [from, to] = [doorOf(path), doorOf(target)];
  if (from && to && from !== to) return [`doors don't import each other: ${from} imports ${to}`];
  return floor <= floorOf(path)! ? [] : [`imports go down: ${target} is on floor ${floor}`];
}

function barrelRules(path: string, { reExport }: Import): string[] {
  return reExport && path !== "mod.ts" ? ["no barrels but mod.ts"] : [];
}

function packageRules(path: string, { specifier }: Import): string[] {
  const name = /^(?:npm:)?((?:@[^/]+\/)?[^/@]+)/.exec(specifier)?.[1] ?? "";
  if (name === "node:process" || name === "process") {
    return /^cli\.ts$|^src\/embedded/.test(path) ? [] : ["only cli.ts touches the process"];
  }
  if (/^(?:node:)?timers/.test(name)) {
    return ["only src/engine/clock.ts reads clocks or sets timers"];
  }
  return Object.hasOwn(homes, name) && !homes[name]!.test(path)
    ? [`${name} is not for this file`]
    : [];
}

function targetOf(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier));
}

/** The first cycle of imports from each file that is left once it runs; types may point anywhere. */
function cycles(files: readonly File[]): string[] {
  const graph = new Map(
    files.filter(({ path }) => isSource(path) && path.endsWith(".ts")).map(
      ({ path, text }) => {
        const relative = importsOf(read(path, text)).filter(({ specifier, typeOnly }) => {
          return specifier.startsWith(".") && !typeOnly;
        });
        return [path, relative.map(({ specifier }) => targetOf(path, specifier))];
      },
    ),
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    const start = trail.indexOf(path);
    if (start >= 0) found.push(`${path}:1: a cycle: ${[...trail.slice(start), path].join(" > ")}`);
    if (start >= 0 || done.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}

const machinePath = /(?<![\w.~/-])(?:\/(?:home|Users|work)\/\w|\/root\/|[A-Z]:\\\\?Users)/g;
const registry =
  /\bregistry\.[\w-]+\.\w+|\bnpm\.(?!org\b)[\w-]+\.(?:io|com|net|dev)\b|"resolved": *"http/g;
const lockFile = /(?:^|\/)(?:deno\.lock|bun\.lock|package-lock\.json)$/;
const address = /https?:\/\/(?!(?:opencollective|github|www\.patreon)\.com\/)/g;

/** What a file tells of the machine it was made on. */
function machineTraces(path: string, text: string): Finding[] {
  const hosts = lockFile.test(path) ? [registry, address] : [registry];
  const of = (pattern: RegExp, rule: string) => matches(text, pattern, rule);
  return [
    ...of(machinePath, "no path of somebody's machine"),
    ...hosts.flatMap((pattern) => of(pattern, "no address of a registry")),
  ];
}

if (import.meta.main) {
  const names = execFileSync("git", ["ls-files", "-co", "--exclude-standard"], {
    encoding: "utf8",
  });
  const files = names.trim().split("\n").map((path) => ({
    path,
    text: readFileSync(path, "utf8"),
  }));
  const found = violations(files);
  for (const violation of found) console.log(violation);
  if (found.length > 0) process.exitCode = 1;
}
