import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { BINARIES_VERSION, packageFor } from "../src/embedded/binaries.ts";

interface Manifest {
  name: string;
  version: string;
  license: string;
  exports: Record<string, string>;
  bin: Record<string, string>;
  dependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  devDependencies: Record<string, string>;
}

const text = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const manifest = (path: string): Partial<Manifest> => JSON.parse(text(path));
const npm = manifest("package.json") as Manifest;

describe("the manifests", () => {
  for (const path of ["deno.json", "jsr.json"]) {
    for (const key of ["name", "version", "license", "exports"] as const) {
      it(`${path} and package.json have one ${key}`, () => {
        assert.ok(npm[key]);
        assert.deepEqual(manifest(path)[key], npm[key]);
      });
    }
  }

  it("point to files that exist", () => {
    for (const path of [...Object.values(npm.exports), ...Object.values(npm.bin)]) {
      assert.ok(existsSync(new URL(`../${path}`, import.meta.url)), path);
    }
  });

  it("carry the license's name", () => assert.match(text("LICENSE"), new RegExp(npm.license)));
});

describe("the embedded Postgres", () => {
  const versions = Object.entries(npm.optionalDependencies);

  it("is of the version that the code asks for, on every platform", () => {
    assert.ok(versions.length > 0);
    for (const [name, version] of versions) assert.equal(version, BINARIES_VERSION, name);
  });

  it("comes for every platform that the code knows", () => {
    const platforms = [
      ...["arm64", "x64"].map((arch) => packageFor("darwin", arch)),
      ...["arm", "arm64", "x64"].map((arch) => packageFor("linux", arch)),
      packageFor("win32", "x64"),
    ];
    assert.deepEqual(versions.map(([name]) => name).sort(), platforms.sort());
  });
});

describe("lock files", () => {
  const locks = ["deno.lock", "package-lock.json", "bun.lock"].filter((path) => {
    return existsSync(new URL(`../${path}`, import.meta.url));
  });

  it("are there for Deno at least", () => assert.ok(locks.includes("deno.lock")));

  for (const path of locks) {
    it(`${path} carries no address but those of sponsors`, () => {
      const addresses = text(path).match(/https?:\/\/[^"\s]*/g) ?? [];
      const sponsors =
        /^https:\/\/(?:github\.com\/(?:sponsors\/|[\w-]+\/[\w-]+\?sponsor)|opencollective\.com\/)/;
      assert.deepEqual(addresses.filter((address) => !sponsors.test(address)), []);
      assert.doesNotMatch(text(path), /"resolved"/);
    });
  }

  it("deno.lock knows each dependency in the range that package.json asks for", () => {
    const { specifiers } = JSON.parse(text("deno.lock")) as { specifiers: Record<string, string> };
    for (const [name, range] of Object.entries({ ...npm.dependencies, ...npm.devDependencies })) {
      assert.ok(`npm:${name}@${range}` in specifiers, `${name}@${range}`);
    }
  });
});
