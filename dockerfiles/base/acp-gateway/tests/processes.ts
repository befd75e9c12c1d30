import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

interface ProcessState {
  readonly pid: number;
  readonly state: string;
  readonly parent: number;
}

/** Whether a process lives; a zombie does not. */
export function isAlive(pid: number): boolean {
  const state = readState(pid);
  return state !== null && state.state !== "Z";
}

/** Waits until a process is gone. */
export async function gone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) return false;
    await wait(10);
  }
  return true;
}

/** The living children of a process. */
export function childrenOf(pid: number): number[] {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  const states = pids.map(readState).filter((state) => state !== null);
  return states.filter(({ parent, state }) => parent === pid && state !== "Z").map((state) => state.pid);
}

/** Waits until a process has no children. */
export async function childless(pid: number, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs;
  while (childrenOf(pid).length > 0) {
    if (performance.now() > deadline) return false;
    await wait(10);
  }
  return true;
}

/** The processes whose command line begins with a text. */
export function commandsRunning(text: string): number[] {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return words.join(" ").startsWith(text) && isAlive(pid);
    } catch {
      return false;
    }
  });
}

/** How many files and sockets a process has open. */
export function openFiles(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Resident memory in bytes. */
export function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

function readState(pid: number): ProcessState | null {
  try {
    // The program's name, in brackets, may hold anything.
    const [, rest = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(/\) (?=[A-Za-z] \d)/);
    const [state = "", parent = ""] = rest.split(" ");
    return { pid, state, parent: Number(parent) };
  } catch {
    return null;
  }
}

/** Resident memory once it has stopped to grow. */
export async function settledBytes(pid: number): Promise<number> {
  await wait(1000);
  for (let before = 0, now = residentBytes(pid); ; before = now, now = residentBytes(pid)) {
    if (now < before + (1 << 20)) return now;
    await wait(500);
  }
}
