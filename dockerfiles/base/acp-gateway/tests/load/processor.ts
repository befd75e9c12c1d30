import { readFileSync } from "node:fs";

import { round } from "./measure.js";

/** What a process' first thread, where a runtime's event loop is, had of the processors until now, in milliseconds. */
interface Reading {
  readonly ran: number;
  readonly waited: number;
  readonly machineIdle: number;
  readonly machineAll: number;
}

/** What the event loop of a process had of the processors between two moments. */
export interface ProcessorUse {
  /** How long it ran, in milliseconds a message. */
  readonly ran_per_message_ms: number;
  /** How long it could have run, but other work had the processors, in milliseconds a message. */
  readonly waited_per_message_ms: number;
  /** The share of all processors that nobody used. */
  readonly machine_idle_percent: number;
}

/** Begins to watch a process; the returned function tells what it used since, for a number of messages. */
export function watchProcessor(pid: number): (messages: number) => ProcessorUse {
  const before = read(pid);
  return (messages) => {
    const after = read(pid);
    return {
      ran_per_message_ms: round((after.ran - before.ran) / messages),
      waited_per_message_ms: round((after.waited - before.waited) / messages),
      machine_idle_percent: Math.round(
        (100 * (after.machineIdle - before.machineIdle)) / (after.machineAll - before.machineAll),
      ),
    };
  };
}

function read(pid: number): Reading {
  const [ran = 0, waited = 0] = readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ").map(Number);
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const ticks = line.trim().split(/ +/).slice(1, 9).map(Number);
  const machineAll = ticks.reduce((sum, part) => sum + part, 0);
  return { ran: ran / 1e6, waited: waited / 1e6, machineIdle: ticks[3] ?? 0, machineAll };
}
