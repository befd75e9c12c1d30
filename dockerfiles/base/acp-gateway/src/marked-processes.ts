import { readdir, readFile } from "node:fs/promises";

/** Programs may start others while they are looked for. */
const MAX_ROUNDS = 5;

/**
 * Ends every process that has `name=value` in its environment, wherever it stands in the process tree: an agent runs its
 * tools' commands in sessions of their own, which neither a signal to its group nor its parenthood finds any more once
 * it is gone. Does nothing where there is no /proc.
 */
export async function endMarkedProcesses(name: string, value: string): Promise<number> {
  const ended = new Set<number>();
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const found = await markedProcesses(`${name}=${value}`);
    if (found.length === 0) break;
    for (const pid of found) {
      if (kill(pid)) ended.add(pid);
    }
  }
  return ended.size;
}

async function markedProcesses(entry: string): Promise<number[]> {
  const names = await readdir("/proc").catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const marked = await Promise.all(pids.map((pid) => hasEntry(pid, entry)));
  return pids.filter((pid, index) => pid !== process.pid && marked[index] === true);
}

async function hasEntry(pid: number, entry: string): Promise<boolean> {
  try {
    const environment = await readFile(`/proc/${pid}/environ`, "latin1");
    return environment.split("\0").includes(entry);
  } catch {
    // It ended, or belongs to somebody else.
    return false;
  }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}
