import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

const CGROUP_FILES = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/** Where the container's memory limit can be read, and the machine's memory; tests give others. */
export interface MemorySources {
  readonly files: readonly string[];
  /** What libuv found along the process's cgroup path; 0 where it knows no limit. */
  readonly constrained: number;
  readonly total: number;
}

/** The sources of this machine. */
export function memorySources(): MemorySources {
  return { files: CGROUP_FILES, constrained: process.constrainedMemory(), total: totalmem() };
}

/**
 * The bytes that the container may use: the smallest of cgroup v2's `memory.max`, v1's `memory.limit_in_bytes`, what
 * the runtime knows, and the machine's memory, which also rules out v1's huge number for "no limit".
 */
export function memoryLimit(sources: MemorySources): number {
  const limits = [...sources.files.map(readLimit), sources.constrained, sources.total];
  return Math.min(...limits.filter((limit) => Number.isFinite(limit) && limit > 0));
}

function readLimit(file: string): number {
  try {
    // cgroup v2 says "max" for no limit, which is not a number.
    return Number(readFileSync(file, "utf8").trim());
  } catch {
    return Number.NaN;
  }
}

/** How many agents fit beside what else runs in the container; at least one. */
export function agentsThatFit(memory: number, reserved: number, agent: number): number {
  return Math.max(1, Math.floor((memory - reserved) / agent));
}
