import type { Agent, AgentExit, StopWaits } from "./agent-process.js";
import type { AgentSlots, ReleaseSlot } from "./agent-slots.js";
import { AgentStderr } from "./agent-stderr.js";
import { Inbound, type PausableSocket } from "./inbound.js";
import type { Log } from "./log.js";
import type { Metrics } from "./metrics.js";
import { Outbound, type SendingSocket } from "./outbound.js";
import type { Settings } from "./settings.js";

/** What all connections share. */
export interface ConnectionContext {
  readonly settings: Settings;
  /** Starts the agent of a connection. */
  readonly startAgent: (connection: string) => Promise<Agent>;
  readonly slots: AgentSlots;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** What an agent's side tells its connection. */
export interface AgentLinkEvents {
  readonly onExit: (exit: AgentExit) => void;
  readonly onNotStarted: () => void;
  readonly onLineTooLong: () => void;
  /** The client took what it had left lying. */
  readonly onUnblocked: () => void;
}

/** The agent's side of a connection: waits for a slot, starts the agent, relays, and reports its end. */
export class AgentLink {
  /** Resolves when the agent is gone, or was never started. */
  readonly done: Promise<void>;
  readonly #connection: string;
  readonly #socket: PausableSocket & SendingSocket;
  readonly #context: ConnectionContext;
  readonly #events: AgentLinkEvents;
  readonly #ending = new AbortController();
  #waits: StopWaits | null = null;
  /** What came before the agent ran; the socket rests meanwhile, so it is little. */
  #early: Buffer[] = [];
  #agent: Agent | null = null;
  #inbound: Inbound | null = null;
  #outbound: Outbound | null = null;

  constructor(
    connection: string,
    socket: PausableSocket & SendingSocket,
    context: ConnectionContext,
    events: AgentLinkEvents,
  ) {
    this.#connection = connection;
    this.#socket = socket;
    this.#context = context;
    this.#events = events;
    this.#socket.pause();
    this.done = this.#run();
  }

  /** When the agent's input became full (`performance.now()`), or null while it takes more. */
  get blockedSince(): number | null {
    return this.#inbound?.blockedSince ?? null;
  }

  /** Relays a checked message to the agent. */
  write(message: Buffer): void {
    if (this.#inbound === null) this.#early.push(message);
    else this.#inbound.write(message);
  }

  /** Relays nothing more and ends the agent. A second call with shorter waits hastens it. */
  end(waits: StopWaits): void {
    this.#waits = waits;
    this.#early = [];
    this.#ending.abort(new Error("the connection is closing"));
    this.#outbound?.end();
    void this.#agent?.end(waits);
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
      const agent = await this.#start();
      if (agent !== null) await this.#relay(agent);
    } finally {
      release();
    }
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

  async #relay(agent: Agent): Promise<void> {
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
    this.#events.onExit(exit);
  }

  #connect(agent: Agent): void {
    const { settings, metrics, log } = this.#context;
    const inbound = new Inbound(this.#socket, agent.stdin, (bytes, seconds) => {
      metrics.relayed("inbound", bytes, seconds);
    });
    this.#inbound = inbound;
    this.#outbound = new Outbound(this.#socket, agent.stdout, settings.maxAgentMessageBytes, {
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
    for (const message of this.#early.splice(0)) inbound.write(message);
    if (inbound.blockedSince === null) this.#socket.resume();
  }

  #count(exit: AgentExit): void {
    const end = exit.signal !== null ? "signal" : exit.code === 0 ? "success" : "failure";
    this.#context.metrics.agentsExited.add(1, end);
  }
}
