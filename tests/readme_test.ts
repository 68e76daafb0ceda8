import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { startEmbedded } from "../src/embedded.ts";
import { runScript } from "./_support/runtime.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const readme = await readFile(join(root, "README.md"), "utf8");

/** The lines of all shell blocks, in order. */
const commands = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].flatMap(([, block]) =>
  block!.trim().split("\n")
);

const checkedOut = /^(.*\.(ts|json|lock)|src|sql|examples)$/;

/** The two set-up commands: the gate runs them as they are. */
const setUp = ["npx --yes deno@2.9 task demo", "npx --yes deno@2.9 task test"];

describe("README", () => {
  let folder: string;

  before(async () => {
    // A checkout of its own, as the commands leave things behind in it; at a path with a space.
    folder = await mkdtemp(join(tmpdir(), "pgtq readme-"));
    for (const name of await readdir(root)) {
      if (checkedOut.test(name)) {
        await cp(join(root, name), join(folder, name), { recursive: true });
      }
      if (name === "node_modules") await symlink(join(root, name), join(folder, name));
    }
  });

  after(() => rm(folder, { recursive: true, force: true }));

  it("starts with the set-up commands, which the gate runs", async () => {
    assert.deepEqual(commands.slice(0, setUp.length), setUp);
    const gate = await readFile(join(root, ".ci/run"), "utf8");
    for (const command of setUp) assert.ok(gate.includes(command), command);
  });

  it("shows commands that work, one after the other", async () => {
    // Keeps the server between two commands.
    await using _ = await startEmbedded({ dataDir: join(folder, ".pgtq") });
    for (const command of commands.slice(setUp.length)) {
      const child = start(command, folder);
      const output = read(child);
      if (command.includes(" worker ")) {
        await output.says("Hello, Ada!");
        assert.equal(child.exitCode, null, output.text());
        process.kill(child.pid!, "SIGTERM");
      }
      const [code] = await once(child, "close");
      assert.equal(code, 0, `${command}\n${output.text()}`);
    }
  });
});

function start(command: string, cwd: string): ChildProcess {
  const parameters = command.replace(/^deno run -A cli\.ts /, "");
  assert.ok(parameters !== command, `no test knows how to run: ${command}`);
  const words = [...parameters.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) =>
    quoted ?? word!
  );
  const [executable, flags] = runScript("cli.ts", ...words);
  return spawn(executable, flags, { cwd, stdio: ["ignore", "pipe", "pipe"] });
}

function read(child: ChildProcess) {
  const lines: string[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const waiting = new Map<string, () => void>();
  for (const stream of [child.stdout!, child.stderr!]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      waiting.get(line)?.();
    });
  }
  child.on("close", () => resolve());
  return {
    text: () => lines.join("\n"),
    /** Waits for a line, or for the end of the process. */
    says: (line: string) =>
      lines.includes(line)
        ? Promise.resolve()
        : Promise.race([ended, new Promise<void>((resolve) => waiting.set(line, resolve))]),
  };
}
