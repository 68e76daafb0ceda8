/**
 * `pgtq install`
 *
 * @module
 */

import { object } from "@optique/core/constructs";
import { message } from "@optique/core/message";
import { withDefault } from "@optique/core/modifiers";
import { flag } from "@optique/core/primitives";
import { connection } from "../db/connection.ts";
import { install as installOn, type Installation, installSql } from "../db/install.ts";
import { databaseOptions, defineCommand, json } from "./command.ts";
import { databaseAddress, openDatabase } from "./database.ts";
import { jsonLines } from "./output.ts";

const print = flag("--print", {
  description:
    message`Write the SQL for a database without the extension, and install nothing: first \
pgmq, then the rights of the roles pgtq_producer, pgtq_worker and pgtq_observer, as far as they exist.`,
});

const outcomes: Readonly<Record<Installation["pgmq"], string>> = {
  present: "was there already",
  extension: "was created as the server's extension",
  sql: "was installed as SQL",
};

/** Gives the database pgmq, and the roles that are made for it their rights. */
export const install = defineCommand({
  parser: object({ print: withDefault(print, false), json, ...databaseOptions }),
  examples: ["", "--database-url postgres://owner@localhost/app", "--print | psql app"],
  async run(options, host) {
    if (options.print) return await host.stdout.write(await installSql());
    await openDatabase(options, host);
    const installation = await installOn(connection());
    const { pgmq, version } = installation;
    const text = `pgmq ${version} ${outcomes[pgmq]} in ${databaseAddress()}\n`;
    await host.stdout.write(options.json ? jsonLines([installation]) : text);
  },
});
