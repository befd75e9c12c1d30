import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { setTimeout as wait } from "node:timers/promises";

import { endMarkedProcesses } from "./marked-processes.js";

/** How an agent came to its end. */
export interface AgentExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** How long an agent may take to end by itself once its input ended, and then after SIGTERM, before SIGKILL. */
export interface StopWaits {
  readonly inputMs: number;
  readonly termMs: number;
}

/** What an agent is started with. */
export interface AgentStart {
  readonly command: readonly [string, ...string[]];
  readonly directory: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Goes to the agent and all that it starts, in MARKER, so that none of it can be lost. */
  readonly marker: string;
}

/** The variable that marks an agent and every program that it starts. */
export const MARKER = "ACP_GATEWAY_CONNECTION_ID";

/** What an agent said is relayed to the end, unless a program that it left behind keeps its output open for longer. */
const OUTPUT_WAIT_MS = 500;

/** A running agent; tests have one of streams in memory. */
export interface Agent {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process is gone, and nothing that it left in its group lives. */
  readonly exited: Promise<AgentExit>;
  /** Ends the agent; a second call with shorter waits hastens the first. */
  end(waits: StopWaits): Promise<void>;
  /** Ends the agent and its group at once. */
  kill(): void;
}

/** An agent that is a process with a group of its own. */
export class AgentProcess implements Agent {
  readonly pid: number;
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exited: Promise<AgentExit>;
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #marker: string;
  #gone = false;

  private constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, pid: number, marker: string) {
    this.pid = pid;
    this.stdin = child.stdin;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.#child = child;
    this.#marker = marker;
    // What goes wrong with a process or its pipes shows in its exit, which is what everybody waits for.
    for (const emitter of [child, child.stdin, child.stdout, child.stderr]) emitter.on("error", () => undefined);
    this.exited = this.#waitForExit();
  }

  /** Starts an agent. Rejects when its program can't be run. */
  static async start(start: AgentStart): Promise<AgentProcess> {
    const [program, ...args] = start.command;
    const child = spawn(program, args, {
      cwd: start.directory,
      env: { ...start.environment, [MARKER]: start.marker },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    await once(child, "spawn");
    if (child.pid === undefined) throw new Error("a started process has no id");
    return new AgentProcess(child, child.pid, start.marker);
  }

  /**
   * Its input ends, then it gets SIGTERM, then SIGKILL. What it still prints has to be read, or it could not end.
   */
  async end(waits: StopWaits): Promise<void> {
    this.stdin.end();
    this.stdout.resume();
    if (await this.#exitsWithin(waits.inputMs)) return;
    this.#signal("SIGTERM");
    if (await this.#exitsWithin(waits.termMs)) return;
    this.kill();
    await this.exited;
  }

  kill(): void {
    this.#signal("SIGKILL");
  }

  #signal(signal: NodeJS.Signals): void {
    if (!this.#gone) signalGroup(this.pid, signal);
  }

  async #waitForExit(): Promise<AgentExit> {
    const outputEnded = new Promise<void>((resolve) => {
      this.stdout.once("close", resolve);
    });
    const exit = await new Promise<AgentExit>((resolve) => {
      this.#child.once("exit", (code, signal) => {
        resolve({ code, signal });
      });
    });
    this.#gone = true;
    signalGroup(this.pid, "SIGKILL");
    // Its tools' commands have groups of their own, and what it detached belongs to its sessions, which end with it. A lost
    // connection ends neither.
    await endMarkedProcesses(MARKER, this.#marker);
    await Promise.race([outputEnded, wait(OUTPUT_WAIT_MS, undefined, { ref: false })]);
    this.stdout.destroy();
    this.stderr.destroy();
    this.stdin.destroy();
    return exit;
  }

  async #exitsWithin(milliseconds: number): Promise<boolean> {
    const timer = new AbortController();
    const late = wait(milliseconds, true, { signal: timer.signal }).catch(() => true);
    const isLate = await Promise.race([this.exited.then(() => false), late]);
    timer.abort();
    return !isLate;
  }
}

/** Signals a whole process group, which outlives its first process while a member is left. */
function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // Nobody is left in it.
  }
}
