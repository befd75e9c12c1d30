import { readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

import { childless, childrenOf, openFiles, residentBytes } from "../processes.js";
import type { Link } from "./links.js";

/** Opening all at once would measure how processes start. */
const OPENED_AT_ONCE = 8;

/** How long returns took, in milliseconds. */
export interface Latencies {
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** What a gateway holds. */
export interface Holdings {
  readonly open_files: number;
  readonly children: number;
  readonly resident_mb: number;
}

export function latencies(samples: readonly number[]): Latencies {
  const sorted = [...samples].sort((one, other) => one - other);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { count: sorted.length, p50: round(at(0.5)), p99: round(at(0.99)), max: round(at(1)) };
}

export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Opens links, a few at a time. */
export async function openAll<L extends Link>(count: number, open: () => Promise<L>): Promise<L[]> {
  const links: L[] = [];
  while (links.length < count) {
    const batch = Array.from({ length: Math.min(OPENED_AT_ONCE, count - links.length) }, open);
    links.push(...(await Promise.all(batch)));
  }
  return links;
}

/** How often each link sends, and for how long. */
export interface Pace {
  readonly intervalMs: number;
  readonly seconds: number;
}

/** Two ways to the same kind of agent, with as many links each. */
export interface Ways<T> {
  readonly direct: readonly T[];
  readonly gateway: readonly T[];
}

/**
 * Has each link of both ways return a message every `intervalMs` for `seconds`, and returns how long each took. The ways
 * take turns, evenly spread, so that both meet the same machine at the same time. Time counts from when a message was
 * due, not from when it was sent: what holds up the sender is not left out. One message a link goes before and doesn't
 * count: it finds nothing compiled and no memory allocated.
 */
export async function measure({ direct, gateway }: Ways<Link>, text: string, pace: Pace): Promise<Ways<number>> {
  for (const link of [...direct, ...gateway]) await link.echo(text);
  const start = performance.now() + 100;
  const gap = pace.intervalMs / direct.length;
  const [straight, through] = await Promise.all([
    Promise.all(direct.map((link, index) => timeEchoes(link, text, pace, start + index * gap))),
    Promise.all(gateway.map((link, index) => timeEchoes(link, text, pace, start + (index + 0.5) * gap))),
  ]);
  return { direct: straight.flat(), gateway: through.flat() };
}

async function timeEchoes(link: Link, text: string, pace: Pace, start: number): Promise<number[]> {
  const samples: number[] = [];
  const count = Math.max(1, Math.floor((pace.seconds * 1000) / pace.intervalMs));
  for (let index = 0; index < count; index += 1) {
    const due = start + index * pace.intervalMs;
    await wait(Math.max(0, Math.ceil(due - performance.now()))); // Rounded down, a message would leave early.
    await link.echo(text);
    samples.push(performance.now() - due);
  }
  return samples;
}

export function holdings(pid: number): Holdings {
  return {
    open_files: openFiles(pid),
    children: childrenOf(pid).length,
    resident_mb: Math.round(residentBytes(pid) / 1e6),
  };
}

/** What a gateway holds once its connections are gone, and their last files are closed. */
export async function leftOver(pid: number): Promise<Holdings> {
  await childless(pid, 10_000);
  await wait(2000);
  return holdings(pid);
}

/** Memory of processes in MB, each page shared out among those that use it. */
export function proportionalMegabytes(pids: readonly number[]): number[] {
  return pids.map((pid) => {
    const line = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
    return Math.round((Number(line?.[1]) * 1024) / 1e6);
  });
}
