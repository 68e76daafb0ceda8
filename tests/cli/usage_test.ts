import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { commands } from "../../src/cli/commands.ts";
import { version } from "../../src/cli/version.ts";
import { fail, misuse, succeed } from "../_support/cli.ts";

const names = Object.keys(commands);

describe("the help page", () => {
  it("lists every command, whichever way it is asked for", async () => {
    const pages = await Promise.all(
      [[], ["help"], ["--help"], ["-h"]].map((args) => succeed(args)),
    );
    for (const page of pages) {
      for (const name of names) assert.match(page, new RegExp(`^  ${name} +\\w`, "m"));
    }
  });

  it("of each command shows its options and examples", async () => {
    await Promise.all(names.map(async (name) => {
      const page = await succeed([name, "--help"]);
      assert.match(page, new RegExp(`^Usage: pgtq ${name} \\[OPTIONS\\]`, "m"));
      assert.match(page, /^ {2}--database-url URL/m);
      assert.match(page, new RegExp(`^Examples:\n  .* ${name}`, "m"));
    }));
    assert.equal(await succeed(["help", "prune"]), await succeed(["prune", "--help"]));
  });
});

describe("the version", () => {
  it("is that of the package", async () => {
    assert.equal(await succeed(["--version"]), `${version}\n`);
    for (const file of ["package.json", "deno.json", "jsr.json"]) {
      const text = readFileSync(new URL(`../../${file}`, import.meta.url), "utf8");
      assert.equal(JSON.parse(text).version, version, file);
    }
  });
});

describe("completion", () => {
  it("knows commands and flags", async () => {
    assert.match(await succeed(["completion", "bash"]), /pgtq/);
    assert.match(await succeed(["completion", "bash", "wo"]), /^worker$/m);
    assert.match(await succeed(["completion", "bash", "list", "--st"]), /^--state$/m);
  });
});

describe("a command line that makes no sense", () => {
  const lines: readonly [string, RegExp][] = [
    ["wroker", /Did you mean `worker`\?/],
    [
      "worker x.ts --concurency-limit 3",
      /--concurency-limit.* Did you mean `--concurrency-limit`\?/,
    ],
    ["stats --jsno", /Did you mean `--json`\?/],
    ["worker", /Expected a module/],
    ["list", /Expected the name of a queue/],
    ["list mails --state daed", /--state.*"queued".*"daed"/],
    ["list mails --limit 0", /--limit.*"0"/],
    ["list mails --limit -1", /--limit.*"-1"/],
    ["list mails --limit ten", /--limit.*"ten"/],
    ["list mails --after -1", /--after.*"-1"/],
    ["list mails more", /Unexpected.*"more"/],
    ["worker x.ts --concurrency-limit 0", /--concurrency-limit.*"0"/],
    ["worker x.ts --concurrency-limit 1.5", /--concurrency-limit.*"1.5"/],
    ["worker x.ts --poll-interval-seconds 0", /--poll-interval-seconds.*"0"/],
    ["worker x.ts --prune-interval -60", /--prune-interval.*"-60"/],
    ["worker x.ts --prune-batch-size 0", /--prune-batch-size.*"0"/],
    ["worker x.ts --settle sometimes", /--settle.*"sometimes"/],
    ["redrive mails", /--all/],
    ["redrive mails 1 --all", /--all/],
    ["redrive mails 1 --limit 2", /--limit needs --all/],
    ["redrive mails x", /"x"/],
    ["redrive mails --all --limit 0", /--limit.*"0"/],
    ["prune mails", /--ttl, --limit/],
    ["prune mails --ttl 3weeks", /--ttl.*a duration.*"3weeks"/],
    ["prune mails --ttl -1", /--ttl.*"-1"/],
    ["prune mails --limit -1", /--limit.*"-1"/],
    ["prune mails --ttl 1d --batch-size 0", /--batch-size.*"0"/],
    ["send mails 1 --delay soon", /--delay.*a duration.*"soon"/],
    ["send mails 1 --file x", /not both/],
    ["stats --database-url mysql://me:secret@host/x", /postgres:\/\/user@host/],
    ["stats --embedded --database-url postgres://host/x", /can't be used together/],
  ];
  it("ends with exit code 2 and one line", async () => {
    assert.match(await fail(["stats", "--jsno"], {}, 2), /Did you mean `--json`\?/);
  });

  for (const [line, message] of lines) {
    it(line, async () => {
      const said = await misuse(line.split(" "));
      assert.match(said, message);
      assert.doesNotMatch(said, /secret/);
    });
  }
});
