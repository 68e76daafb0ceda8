/**
 * The data folder of a server: where it is, how it's made, and who runs on it.
 *
 * @module
 */

import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { PgtqError } from "../core/errors.ts";
import { NOBODY, run, UID } from "./child.ts";
import { alive } from "./users.ts";

/** Where root keeps the data of a folder that "nobody" can't reach, such as one below `/root`. */
const ROOTS_DATA = "/var/lib/pgtq";

/** How the name of data starts that is being made. */
const DRAFT = "data-";

/** No password, as only this machine gets in, and the same sort order on all machines. */
const INITDB = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];

/** The real path of the data in the folder `home`, made by `initdb` of `version` the first time. */
export async function dataIn(home: string, bin: string, version: string): Promise<string> {
  const data = join(home, "data");
  const maker = await readFile(join(data, "PG_VERSION"), "utf8").catch(() => undefined);
  if (maker === undefined) await create(home, data, bin);
  else assertMajor(home, maker.trim(), version.split(".")[0]!);
  return await realpath(data);
}

function assertMajor(home: string, maker: string, major: string): void {
  if (maker === major) return;
  throw new PgtqError(
    "EMBEDDED_POSTGRES",
    `Cannot run Postgres ${major} on ${home}, which Postgres ${maker} made: ` +
      "choose another folder, or remove this one and lose its data",
  );
}

/** Makes the data under another name first: `initdb` killed halfway must not look finished. */
async function create(home: string, data: string, bin: string): Promise<void> {
  const near = await reachable(home);
  // A name of its own, as the initdb of a killed process may still be at work.
  const draft = await mkdtemp(join(near ? home : await farPlace(), DRAFT));
  if (UID === 0) await chown(draft, NOBODY, NOBODY);
  await run(join(bin, "initdb"), ["-D", draft, ...INITDB]);
  await rm(data, { force: true });
  if (near) await rename(draft, data);
  else await symlink(draft, data);
  await sweep(home);
}

/** Removes what killed processes left half made; an `initdb` still at work on it keeps some. */
async function sweep(home: string): Promise<void> {
  const drafts = (await readdir(home)).filter((name) => name.startsWith(DRAFT));
  for (const name of drafts) await rm(join(home, name), { recursive: true }).catch(() => {});
}

/** Whether the account that runs Postgres gets to a folder: for root, whether everybody does. */
async function reachable(folder: string): Promise<boolean> {
  if (UID !== 0) return true;
  const { mode, uid } = await stat(folder);
  if ((mode & 0o001) === 0 && uid !== NOBODY) return false;
  return dirname(folder) === folder || await reachable(dirname(folder));
}

/** Where data goes that can't stay near. The symbolic link to it is the note that it's here. */
async function farPlace(): Promise<string> {
  await mkdir(ROOTS_DATA, { recursive: true });
  // Whatever the umask is.
  await chmod(ROOTS_DATA, 0o755);
  return ROOTS_DATA;
}

/** A server on a data folder. */
export interface Running {
  readonly port: number;
  /** Whether it takes queries; one that is starting or stopping doesn't. */
  readonly ready: boolean;
}

/**
 * The server that runs on a data folder, by the `postmaster.pid` that Postgres keeps there: the
 * process on line 1, the port on line 4, the state on line 8. A killed server leaves its file behind
 * and its number may be another process by now, so only a server that answers counts.
 */
export async function running(data: string): Promise<Running | undefined> {
  const file = await readFile(join(data, "postmaster.pid"), "utf8").catch(() => "");
  const lines = file.split("\n");
  const [pid, port] = [Number(lines[0]), Number(lines[3])];
  if (!pid || !port || !alive(pid) || !(await answers(port))) return undefined;
  return { port, ready: lines[7]?.trim() === "ready" };
}

/** What Postgres answers with one byte, whatever state it is in: "may we use TLS?". */
const SSL_REQUEST = Uint8Array.of(0, 0, 0, 8, 4, 210, 22, 47);

/** A connection alone proves nothing: the kernel still accepts some for a server being killed. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(SSL_REQUEST));
    socket.on("data", () => {
      resolve(true);
      socket.destroy();
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(false));
  });
}
