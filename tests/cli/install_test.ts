import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fail, succeed } from "../_support/cli.ts";
import { type Role, rolesDatabase } from "../_support/roles.ts";

describe("pgtq install", () => {
  it("prints what an administrator runs, and the roles can do their work", async () => {
    await using database = await rolesDatabase({ pgmq: "none" });
    const { url } = database;
    const text = await succeed(["install", "--print"]);
    assert.ok(text.indexOf("create schema pgmq") < text.indexOf("grant usage on schema pgmq"));
    await database.owner.unsafe(text);
    await succeed(["create", "mails"], { url });

    const as = (role: Role) => ({ url: `${url}?role=${database.name(role)}` });
    assert.match(
      await fail(["send", "mails", "1"], as("other")),
      /permission denied for schema pgmq/,
    );
    await succeed(["send", "mails", "1"], as("producer"));
    assert.match(
      await fail(["list", "mails"], as("producer")),
      /permission denied for table q_mails/,
    );
    await succeed(["prune", "mails", "--ttl", "1d"], as("worker"));
    assert.match(
      await fail(["create", "others"], as("worker")),
      /lacks a right .*permission denied/,
    );
    assert.match(await succeed(["list", "mails"], as("observer")), /\b1\b/);
    assert.match(await succeed(["stats"], as("observer")), /mails/);
  });

  it("gives rights on what is there already", async () => {
    await using database = await rolesDatabase({ pgmq: "genuine" });
    const { url, owner } = database;
    await owner`select pgmq.create('mails')`;
    assert.match(await succeed(["install"], { url }), /was there already/);
    await succeed(["send", "mails", "1"], { url: `${url}?role=${database.name("producer")}` });
  });
});
