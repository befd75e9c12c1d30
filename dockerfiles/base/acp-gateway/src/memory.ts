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

/** What agents get where nothing limits the container: other work needs the machine's memory too. */
export const DEFAULT_MEMORY = 4 * 1024 ** 3;

/**
 * The bytes that agents may fill, beside what is reserved: the smallest of the container's limit (cgroup v2's
 * `memory.max`, v1's `memory.limit_in_bytes`, what the runtime knows) and its tier's memory, because what add-ons bring
 * is for their services. DEFAULT_MEMORY where there is neither, and never more than the machine has: a limit above that,
 * as v1's huge number, is none.
 */
export function usableMemory(sources: MemorySources, tier: number | null): number {
  const limits = [...sources.files.map(readLimit), sources.constrained].filter(
    (limit) => limit > 0 && limit < sources.total,
  );
  if (tier !== null) limits.push(tier);
  return Math.min(sources.total, ...(limits.length === 0 ? [DEFAULT_MEMORY] : limits));
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
