import assert from "node:assert/strict";
import { it } from "node:test";
import type { Sql } from "../../src/db/connection.ts";
import { conformance, type Pgmq } from "../_support/conformance.ts";
import { onQueues, withName } from "./calls.ts";

/** What asks only for the lists and the numbers. */
const looks = ["list_queues()", "metrics('q')", "metrics_all()"];

conformance("Rights", "1.5", (pgmq) => {
  const { version, run, rows, send } = pgmq;
  const changes = withName(onQueues, version, "q").filter((call) => !call.includes("metrics"));

  it("monitoring may measure, but not consume", async () => {
    await send(2);
    for (const call of looks) assert.equal(await as(pgmq, "pg_monitor", `pgmq.${call}`), 1);
    for (const call of changes) {
      await assert.rejects(as(pgmq, "pg_monitor", call), { code: "42501" }, call);
    }
    for (const call of ["create('x')", "create_unlogged('x')", "drop_queue('q')"]) {
      await assert.rejects(as(pgmq, "pg_monitor", `pgmq.${call}`), { code: "42501" }, call);
    }
    assert.deepEqual(await run("queue_visible_length from pgmq.metrics('q')"), ["2"]);
  });

  it("monitoring also sees queues that are created later, unlogged ones too", async () => {
    await run("pgmq.create('r'), pgmq.create_unlogged('u')");
    assert.equal(await as(pgmq, "pg_monitor", "pgmq.metrics('r')"), 1);
    assert.equal(await as(pgmq, "pg_monitor", "pgmq.metrics('u')"), 1);
    assert.equal(await as(pgmq, "pg_monitor", "pgmq.metrics_all()"), 3);
  });

  it("functions run with the rights of who calls them", async () => {
    assert.deepEqual(
      await run(`proname from pg_proc
        where pronamespace = 'pgmq'::regnamespace and prosecdef and proname !~ '^_'`),
      [],
    );
  });

  it("a role may do what it may do with the tables", async () => {
    await using role = await newRole(pgmq);
    await send(3);
    await assert.rejects(as(pgmq, role.name, "pgmq.read('q', 0, 1)"), { code: "42501" });
    await role.grant("usage on schema pgmq");
    await assert.rejects(as(pgmq, role.name, "pgmq.read('q', 0, 1)"), { code: "42501" });
    await role.grant("select, update on pgmq.q_q");
    assert.equal(await as(pgmq, role.name, "pgmq.read('q', 0, 1)"), 1);
    assert.equal(await as(pgmq, role.name, "pgmq.set_vt('q', 1, 0)"), 1);
    for (const call of ["delete('q', 1)", "archive('q', 1)", "pop('q')", "send('q', '1')"]) {
      await assert.rejects(as(pgmq, role.name, `pgmq.${call}`), { code: "42501" }, call);
    }
    await role.grant("delete, insert on pgmq.q_q");
    await role.grant("select, insert on pgmq.a_q");
    for (const call of ["delete('q', 1)", "archive('q', 2)", "pop('q')", "send('q', '1')"]) {
      assert.equal(await as(pgmq, role.name, `pgmq.${call}`), 1, call);
    }
    assert.equal((await rows("pgmq.a_q")).length, 1);
  });
});

/** How many rows a call gives to this role. */
async function as({ during }: Pgmq, role: string, call: string): Promise<number> {
  return await during(`set local role ${role}`, async (tx: Sql) => {
    return (await tx.unsafe(`select ${call}`)).length;
  });
}

/** A role without any rights, until it is disposed of. */
async function newRole({ exec }: Pgmq) {
  const name = `pgtq_test_role_${crypto.randomUUID().slice(0, 8)}`;
  await exec(`create role ${name}`);
  return {
    name,
    grant: (right: string) => exec(`grant ${right} to ${name}`),
    [Symbol.asyncDispose]: () => exec(`drop owned by ${name} cascade; drop role ${name}`),
  };
}
