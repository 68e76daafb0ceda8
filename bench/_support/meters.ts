/**
 * What a round costs the server: CPU time, where it can be seen, and write-ahead log.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import type { Sql } from "../../src/db/connection.ts";

/** Readings of the meters, which count up. */
export interface Reading {
  /** Of all processes of the server; `undefined` unless it runs on this machine, on Linux. */
  readonly cpuMs: number | undefined;
  readonly walBytes: number;
}

/** Reads the meters. */
export async function read(sql: Sql): Promise<Reading> {
  const [row] = await sql.unsafe(
    `select pg_current_wal_insert_lsn() - '0/0' as wal, pg_backend_pid() as pid,
      host(inet_server_addr()) = host(inet_client_addr()) as local`,
  );
  return {
    cpuMs: row!.local ? serverCpuMs(row!.pid) : undefined,
    walBytes: Number(row!.wal),
  };
}

/** Linux counts in ticks of 10 ms. */
const msPerTick = 10;

interface Process {
  readonly pid: string;
  readonly name: string;
  readonly parent: number;
  readonly ticks: number;
  /** Of children that have ended. */
  readonly reapedTicks: number;
}

/** The postmaster with all its children, those that have ended included. */
function serverCpuMs(backend: number): number | undefined {
  const self = statOf(backend);
  if (!self?.name.startsWith("postgres")) return undefined;
  for (let seen = "";;) {
    const postmaster = statOf(self.parent)!;
    const children = processes().filter((child) => child.parent === self.parent);
    // A child that is reaped in between would be missed by both.
    const pids = `${children.map(({ pid }) => pid)} ${postmaster.reapedTicks}`;
    const ticks = children.reduce((sum, child) => sum + child.ticks, 0);
    if (pids === seen) return (postmaster.ticks + postmaster.reapedTicks + ticks) * msPerTick;
    seen = pids;
  }
}

function processes(): Process[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(statOf).filter((process) => process !== undefined);
}

function statOf(pid: number | string): Process | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined; // not Linux, or the process is gone
  }
  // The name stands in parentheses, and may hold any character.
  const end = text.lastIndexOf(")");
  const fields = text.slice(end + 2).split(" ").map(Number);
  return {
    pid: String(pid),
    name: text.slice(text.indexOf("(") + 1, end),
    parent: fields[1]!,
    ticks: fields[11]! + fields[12]!,
    reapedTicks: fields[13]! + fields[14]!,
  };
}
