/**
 * Takes the text of a module apart, just far enough for rules that look for words.
 *
 * @module
 */

/** A string or template: where its text starts, and the text with `?` for each expression. */
export interface Literal {
  readonly start: number;
  readonly text: string;
}

/** A module's text. All parts have the length of the original, so that positions agree. */
export interface Source {
  readonly path: string;
  readonly text: string;
  /** Comments and the insides of strings, templates and regular expressions are blank. */
  readonly code: string;
  readonly literals: readonly Literal[];
}

/** Where the code before a slash lets it start a regular expression. */
const beforeRegExp = /(?:^|[=(,:[!&|?{};+>~]|\b(?:return|typeof|case|of|in))\s*$/;

const skipped = {
  comment: /\/\/[^\n]*|\/\*[^]*?\*\//y,
  string: /"(?:\\[^]|[^"\\\n])*"|'(?:\\[^]|[^'\\\n])*'/y,
  regExp: /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y,
} as const;

/** Takes a module apart. */
export function read(path: string, text: string): Source {
  const literals: Literal[] = [];
  const parts: string[] = [];
  let at = 0;

  const blank = (end: number) => {
    parts.push(text.slice(at, end).replace(/[^\n]/g, " "));
    at = end;
  };
  const keep = (length: number) => {
    parts.push(text.slice(at, at + length));
    at += length;
  };
  const skips = (kind: RegExp) => {
    kind.lastIndex = at;
    return kind.exec(text)?.[0];
  };
  const template = () => {
    const start = at + 1;
    let words = "";
    keep(1);
    while (at < text.length && text[at] !== "`") {
      if (text.startsWith("${", at)) {
        keep(2);
        code("}");
        keep(1);
        words += "?";
      } else {
        const length = text[at] === "\\" ? 2 : 1;
        words += text.slice(at, at + length);
        blank(at + length);
      }
    }
    keep(1);
    literals.push({ start, text: words });
  };
  const next = () => {
    const comment = skips(skipped.comment);
    if (comment) return blank(at + comment.length);
    const string = skips(skipped.string);
    if (string) {
      literals.push({ start: at + 1, text: string.slice(1, -1) });
      return quoted(string.length);
    }
    if (text[at] === "`") return template();
    const regExp = text[at] === "/" && beforeRegExp.test(parts.slice(-200).join(""))
      ? skips(skipped.regExp)
      : undefined;
    if (regExp) return quoted(regExp.length);
    keep(1);
  };
  const quoted = (length: number) => {
    keep(1);
    blank(at + length - 2);
    keep(1);
  };
  /** Reads on to the end, or to this bracket outside all others. */
  const code = (until?: string) => {
    for (let depth = 0; at < text.length;) {
      if (text[at] === until && depth === 0) return;
      if (text[at] === "{") depth++;
      if (text[at] === "}") depth--;
      next();
    }
  };

  code();
  return { path, text, code: parts.join(""), literals };
}

/** One import or re-export of a module. */
export interface Import {
  readonly start: number;
  readonly specifier: string;
  /** Gone when it runs. */
  readonly typeOnly: boolean;
  readonly reExport: boolean;
}

/** The imports of a module, dynamic ones too. */
export function importsOf({ code, literals }: Source): Import[] {
  return literals.flatMap(({ start, text: specifier }) => {
    const statement =
      /(?:^|[;}\n])\s*((?:im|ex)port\b[^;]*?\bfrom|import)\s*["']$|\bimport\(\s*["']$/
        .exec(code.slice(0, start));
    if (!statement) return [];
    const words = statement[1]?.slice(statement[1].lastIndexOf("\nimport") + 1) ?? "";
    const typeOnly = /^(?:im|ex)port\s+type\b/.test(words);
    return [{ start, specifier, typeOnly, reExport: words.startsWith("export") }];
  });
}

/** A function that has a body in braces. */
export interface Body {
  readonly start: number;
  readonly lines: number;
}

/** The functions, methods and arrow functions of a module. */
export function functionsOf({ code }: Source): Body[] {
  const open: number[] = [];
  const bodies: Body[] = [];
  for (const { index, 0: brace } of code.matchAll(/[{}]/g)) {
    if (brace === "{") {
      open.push(index);
      continue;
    }
    const start = open.pop() ?? 0;
    if (!isBody(code.slice(0, start))) continue;
    bodies.push({ start, lines: code.slice(start, index).split("\n").length });
  }
  return bodies;
}

/** Whether what stands before a brace makes it the body of a function. */
function isBody(before: string): boolean {
  if (/=>\s*$/.test(before) || /\}[ ]*$/.test(before)) return true; // `}` ends a return type
  const head = /\)\s*(?::[^;{}()]*(?:\([^()]*\)[^;{}()]*)?)?$/.exec(before);
  return head !== null && !/\b(?:if|for|while|switch|catch|with)\s*$/.test(
    before.slice(0, openingOf(before, head.index)),
  ) && !/\bfor await\s*$/.test(before.slice(0, openingOf(before, head.index)));
}

/** Where the bracket opens that closes at `close`. */
function openingOf(code: string, close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    if (code[at] === ")") depth++;
    if (code[at] === "(" && --depth === 0) return at;
  }
  return 0;
}
