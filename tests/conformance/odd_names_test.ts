import assert from "node:assert/strict";
import { it } from "node:test";
import { conformance } from "../_support/conformance.ts";
import {
  creators,
  inserted,
  onAnyQueue,
  onBindings,
  onKnownQueues,
  onQueues,
  withName,
} from "./calls.ts";

/** Names that any function has to quote, none of which may do anything but name a queue. */
const odd = [
  "",
  `it is "odd"`,
  `"`,
  `x" (msg_id int) as drop table public.canary`,
  `x") as y, (drop table public.canary`,
  "back\\slash",
  "100%s %I %L",
  "%",
  "new\nline",
  "tab\t",
  "/* comment",
  "dots.in.it",
  "public.canary",
  "ünïcödé",
  "日本",
  "select",
  "(a)",
  ":x",
];

/** Names with what is refused everywhere. */
const refused = [
  "$",
  "a$b",
  ";",
  "x; drop table public.canary",
  `x" ; drop table public.canary`,
  "--",
  `x" cascade --`,
  "'",
  "it's",
  "x'; drop table public.canary; --",
  "$$; drop table public.canary",
];

conformance("Odd names", "1.5", (pgmq) => {
  const { version, database, exec, run, rows, fails } = pgmq;
  const canary = async () => assert.deepEqual(await run("note from public.canary"), ["alive"]);
  const calls = (of: typeof onQueues, name: string) => withName(of, version, name);
  const tables = async () =>
    await run(`count(*)::int from pg_class where relnamespace = 'pgmq'::regnamespace
      and relkind = 'r' and relname ~ '^[aq]_' and relname !~ '_q$'`);

  for (const name of odd) {
    it(`${JSON.stringify(name)} is a name like another`, async () => {
      await exec("create table if not exists public.canary as select 'alive' as note");
      for (const create of calls(creators, name)) await run(create);
      assert.deepEqual(await tables(), [2]);
      for (const call of calls(onQueues, name)) await run(call);
      // A topic needs a name that isn't empty.
      for (const call of name ? calls(onKnownQueues, name) : []) await run(call);
      assert.deepEqual(await run(`pgmq.${inserted("drop_queue(:q)", name)}`), [true]);
      assert.deepEqual(await tables(), [0]);
      await canary();
    });

    it(`${JSON.stringify(name)} may be unknown`, async () => {
      await exec("create table if not exists public.canary as select 'alive' as note");
      for (const call of calls(onQueues, name)) await fails("42P01", call);
      for (const call of calls(onKnownQueues, name)) await fails("P0001", call);
      for (const call of calls(onAnyQueue, name)) await run(call);
      for (const call of name ? calls(onBindings, name) : []) await run(call);
      await canary();
    });
  }

  for (const name of refused) {
    it(`${JSON.stringify(name)} is refused`, async () => {
      await exec("create table if not exists public.canary as select 'alive' as note");
      for (const call of calls([...creators, ...onQueues, ...onAnyQueue], name)) {
        await fails("P0001", call, /invalid characters/);
      }
      for (const call of calls(onKnownQueues, name)) await fails("P0001", call);
      for (const call of calls(onBindings, name)) {
        const [found = false] = await run(call);
        assert.equal(found, false, call);
      }
      for (const call of ["create_partitioned(:q)", "format_table_name(:q, 'q')"]) {
        await fails("P0001", `pgmq.${inserted(call, name)}`, /invalid characters/);
      }
      await canary();
    });
  }

  it("a name can't hold the character zero", async () => {
    const { sql } = database();
    await assert.rejects(sql`select pgmq.create(${"a\0b"})`, { code: "22021" });
    assert.deepEqual((await rows("pgmq.list_queues()")).length, 1);
  });
});
