import type { Agent, AgentExit, StopWaits } from "./agent-process.js";
import type { AgentSlots, ReleaseSlot } from "./agent-slots.js";
import { AgentStderr } from "./agent-stderr.js";
import { Inbound, type PausableSocket } from "./inbound.js";
import type { Log } from "./log.js";
import type { Metrics } from "./metrics.js";
import { type MessageSink, Outbound } from "./outbound.js";
import type { Sendable } from "./seats.js";
import type { Settings } from "./settings.js";
import type { TurnRecords } from "./turn-records.js";

/** What all connections and agents share. */
export interface ConnectionContext {
  readonly settings: Settings;
  /** Starts an agent, which is marked with the id of the connection that it is for. */
  readonly startAgent: (connection: string) => Promise<Agent>;
  readonly slots: AgentSlots;
  readonly turns: TurnRecords;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What a link tells of its agent. */
export interface AgentLinkEvents {
  readonly onExit: (exit: AgentExit) => void;
  readonly onNotStarted: () => void;
  readonly onLineTooLong: () => void;
  /** The client took what it had left lying. */
  readonly onUnblocked: () => void;
}

/**
 * An agent that fails before it has said anything is started again after these waits: OpenCode can't stand another one
 * that creates the same new database at the same moment, or that takes the port it was given.
 */
const RETRY_WAITS_MS = [250, 500, 1000, 2000];
/** What a client sent is kept for the next attempt, up to this much. */
const MAX_REPLAY_BYTES = 1 << 20;

/** The way to an agent: waits for a slot, starts the agent, relays, and reports its end. */
export class AgentLink {
  /** Resolves when the agent is gone, or was never started. */
  readonly done: Promise<void>;
  readonly #connection: string;
  readonly #socket: PausableSocket;
  readonly #sink: MessageSink;
  readonly #context: ConnectionContext;
  readonly #events: AgentLinkEvents;
  readonly #ending = new AbortController();
  #waits: StopWaits | null = null;
  /** What the client sent until the agent says something; null once that can't be needed, or is too much, to repeat. */
  #replay: Sendable[] | null = [];
  #replayBytes = 0;
  #agent: Agent | null = null;
  #inbound: Inbound | null = null;
  #outbound: Outbound | null = null;

  constructor(
    connection: string,
    socket: PausableSocket,
    sink: MessageSink,
    context: ConnectionContext,
    events: AgentLinkEvents,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#sink = sink;
    this.#context = context;
    this.#events = events;
    this.#socket.pause();
    this.done = this.#run();
  }

  /** When the agent's input became full (`performance.now()`), or null while it takes more. */
  get blockedSince(): number | null {
    return this.#inbound?.blockedSince ?? null;
  }

  /** Relays a checked message to the agent, as soon as one runs; the socket rests until then, so little is kept. */
  write(message: Sendable): void {
    this.#keep(message);
    if (this.#inbound === null) this.#socket.pause();
    else this.#inbound.write(message);
  }

  /** Relays nothing more and ends the agent. A second call with shorter waits hastens it. */
  end(waits: StopWaits): void {
    this.#waits = waits;
    this.#replay = null;
    this.#ending.abort(new Error("the connection is closing"));
    this.#outbound?.end();
    void this.#agent?.end(waits);
  }

  /** Goes on reading the agent where no client is behind any more. */
  flow(): void {
    this.#outbound?.flow();
  }

  /** Ends the agent at once; for when the gateway itself can't go on. */
  kill(): void {
    this.#agent?.kill();
  }

  async #run(): Promise<void> {
    let release: ReleaseSlot;
    try {
      release = await this.#context.slots.acquire(this.#ending.signal);
    } catch {
      return; // The client left before there was room.
    }
    try {
      await this.#runAgents();
    } finally {
      release();
    }
  }

  async #runAgents(): Promise<void> {
    for (const waitMs of [...RETRY_WAITS_MS, null]) {
      const agent = await this.#start();
      if (agent === null) return;
      const exit = await this.#relay(agent);
      if (waitMs === null || !this.#isWorthARetry(exit)) {
        this.#events.onExit(exit);
        return;
      }
      this.#disconnect();
      await pause(waitMs, this.#ending.signal);
      if (this.#ending.signal.aborted) return;
    }
  }

  /** Whether an agent failed at its start: it gave up by itself, having said nothing. */
  #isWorthARetry({ code, signal }: AgentExit): boolean {
    return code !== 0 && signal === null && this.#outbound?.spoke === false && this.#replay !== null;
  }

  async #start(): Promise<Agent | null> {
    const { startAgent, metrics, log } = this.#context;
    try {
      const agent = await startAgent(this.#connection);
      metrics.agentsStarted.add();
      log.info("agent_started", { connection: this.#connection, pid: agent.pid });
      return agent;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      log.error("agent_not_started", { connection: this.#connection, error: code ?? "unknown" });
      this.#events.onNotStarted();
      return null;
    }
  }

  async #relay(agent: Agent): Promise<AgentExit> {
    const { settings, log } = this.#context;
    this.#agent = agent;
    const stderr = new AgentStderr(agent.stderr, log, settings.logAgentStderr ? this.#connection : null);
    if (this.#waits === null) this.#connect(agent);
    else void agent.end(this.#waits);
    const exit = await agent.exited;
    this.#count(exit);
    log.info("agent_exited", {
      connection: this.#connection,
      pid: agent.pid,
      ...exit,
      stderr_bytes: stderr.bytes,
      unfinished_bytes: this.#outbound?.unfinishedBytes ?? 0,
    });
    return exit;
  }

  #connect(agent: Agent): void {
    const { settings, metrics, log } = this.#context;
    const inbound = new Inbound(this.#socket, agent.stdin, (bytes, seconds) => {
      metrics.relayed("inbound", bytes, seconds);
    });
    this.#inbound = inbound;
    this.#outbound = new Outbound(this.#sink, agent.stdout, settings.maxAgentMessageBytes, {
      onRelayed: (bytes, seconds) => {
        metrics.relayed("outbound", bytes, seconds);
      },
      onStrayLine: (bytes) => {
        metrics.strayLines.add();
        log.warning("agent_stray_line", { connection: this.#connection, bytes });
      },
      onLineTooLong: this.#events.onLineTooLong,
      onUnblocked: this.#events.onUnblocked,
    });
    for (const message of this.#replay ?? []) inbound.write(message);
    if (this.#replayBytes > MAX_REPLAY_BYTES) this.#replay = null;
    if (inbound.blockedSince === null) this.#socket.resume();
  }

  /** Between two attempts the client rests. */
  #disconnect(): void {
    this.#agent = null;
    this.#inbound = null;
    this.#outbound = null;
    this.#socket.pause();
  }

  #keep(message: Sendable): void {
    if (this.#replay === null) return;
    this.#replay.push(message);
    this.#replayBytes += message.bytes;
    if (this.#inbound === null) return;
    if (this.#outbound?.spoke === true || this.#replayBytes > MAX_REPLAY_BYTES) this.#replay = null;
  }

  #count(exit: AgentExit): void {
    const end = exit.signal !== null ? "signal" : exit.code === 0 ? "success" : "failure";
    this.#context.metrics.agentsExited.add(1, end);
  }
}

/** Resolves after a time, or as soon as `signal` aborts. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
