import { randomUUID } from "node:crypto";

import type { ConnectionContext } from "./agent-link.js";
import { CLOSE } from "./close-codes.js";
import { answerText, draining } from "./extension.js";
import { DISCONNECT_WAITS, HostedAgent } from "./hosted-agent.js";
import type { Message } from "./message.js";
import type { Client } from "./seats.js";

/** What a client that has no agent may ask of any that runs, so that looking around costs no agent of its own. */
const SERVED_BY_ANY = new Set(["authenticate", "session/list"]);
const REENTERS = new Set(["session/load", "session/resume"]);

/** Where a client stands. */
interface Visit {
  agent: HostedAgent | null;
  /** The request `initialize` that was answered in the place of an agent. */
  greeting: Message | null;
  /** What the client sent while it was decided who controls. */
  waiting: Message[] | null;
}

/** All agents, and which client is with which. */
export class AgentDirectory {
  readonly #context: ConnectionContext;
  readonly #agents = new Set<HostedAgent>();
  readonly #visits = new Map<Client, Visit>();

  constructor(context: ConnectionContext) {
    this.#context = context;
  }

  /** How many agents have a place; one that is ending has given it away. */
  get used(): number {
    return this.#living().length;
  }

  get detached(): number {
    return this.#living().filter(({ detachedSince }) => detachedSince !== null).length;
  }

  /** Whether a newcomer could do anything without a place: take a session up, observe, or take a detached agent's place. */
  get isOpen(): boolean {
    return this.#joinable() !== undefined;
  }

  /** Whether an agent could be started when all places are taken: in that of one that was left and does nothing. */
  get hasIdle(): boolean {
    return this.#idle().length > 0;
  }

  agentOf(client: Client): HostedAgent | null {
    return this.#visits.get(client)?.agent ?? null;
  }

  /** A message of a client. `hasPlace`: an agent was promised to it. */
  take(client: Client, message: Message, hasPlace: boolean): void {
    const visit = this.#visit(client);
    if (visit.waiting !== null) {
      visit.waiting.push(message);
      return;
    }
    const { method, sessionId, kind } = message.envelope;
    const target = kind === "request" && REENTERS.has(method ?? "") ? this.#holding(sessionId) : undefined;
    if (target !== undefined && sessionId !== null && !target.seats.has(client, sessionId)) {
      visit.waiting = [];
      void this.#join(client, target, sessionId, message, hasPlace);
    } else if (visit.agent !== null) {
      visit.agent.exchange.take(client, message);
    } else if (!this.#answerInPlace(client, visit, message)) {
      this.#start(client, visit, message, hasPlace);
    }
  }

  /** A client is gone. */
  left(client: Client, cleanly: boolean): void {
    this.#visits.get(client)?.agent?.leave(client, cleanly);
    this.#visits.delete(client);
  }

  /** Ends what does nothing, and lets turns that run end; resolves when none runs, or time is over. */
  async drain(milliseconds: number): Promise<void> {
    const text = draining(milliseconds / 1000);
    for (const agent of this.#living()) agent.drain(text);
    const working = this.#living();
    if (working.length === 0) return;
    this.#context.log.info("draining", { agents: working.length, seconds: milliseconds / 1000 });
    const timer = new AbortController();
    const late = new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, milliseconds);
      timer.signal.addEventListener("abort", () => {
        clearTimeout(timeout);
      });
    });
    await Promise.race([Promise.all(working.map(({ done }) => done)), late]);
    timer.abort();
  }

  /** Ends all agents, and resolves when they are gone. */
  async shutDown(): Promise<void> {
    for (const agent of this.#agents) agent.shutDown();
    await Promise.all([...this.#agents].map(({ done }) => done));
  }

  kill(): void {
    for (const agent of this.#agents) agent.kill();
  }

  #visit(client: Client): Visit {
    let visit = this.#visits.get(client);
    if (visit === undefined) {
      visit = { agent: null, greeting: null, waiting: null };
      this.#visits.set(client, visit);
    }
    return visit;
  }

  #living(): HostedAgent[] {
    return [...this.#agents].filter(({ ending }) => !ending);
  }

  #joinable(): HostedAgent | undefined {
    return this.#living().find(({ exchange }) => exchange.hasSessions && exchange.initializeResult !== null);
  }

  #idle(): HostedAgent[] {
    return this.#living().filter((agent) => agent.detachedSince !== null && !agent.exchange.turnRuns);
  }

  #holding(sessionId: string | null): HostedAgent | undefined {
    return this.#living().find(({ exchange }) => sessionId !== null && exchange.holds(sessionId));
  }

  /** Before it is known whether a client takes a session up again, another agent answers for the one it may not need. */
  #answerInPlace(client: Client, visit: Visit, message: Message): boolean {
    const agent = this.#joinable();
    const { method, id, kind } = message.envelope;
    if (agent === undefined || id === null || kind !== "request") return false;
    if (method === "initialize") {
      visit.greeting = message;
      client.tell(answerText(Buffer.concat(message.slice(id)).toString(), agent.exchange.initializeResult ?? "{}"));
      return true;
    }
    if (!SERVED_BY_ANY.has(method ?? "")) return false;
    agent.exchange.forward(client, message);
    return true;
  }

  /** Who controls a session may be gone without having said so: then whoever comes takes its place. */
  async #join(
    client: Client,
    agent: HostedAgent,
    sessionId: string,
    message: Message,
    hasPlace: boolean,
  ): Promise<void> {
    const visit = this.#visit(client);
    const { controller } = agent.seats;
    if (controller !== null && controller !== client && !(await controller.answersSoon())) controller.terminate();
    const waiting = visit.waiting ?? [];
    visit.waiting = null;
    if (!this.#visits.has(client)) return;
    if (agent.exchange.holds(sessionId) && !agent.ending) {
      if (visit.agent !== null && visit.agent !== agent) visit.agent.leave(client, true);
      visit.agent = agent;
      agent.enter(client);
      agent.exchange.join(client, sessionId, message);
    } else {
      this.take(client, message, hasPlace);
    }
    for (const next of waiting) this.take(client, next, hasPlace);
  }

  #start(client: Client, visit: Visit, message: Message, hasPlace: boolean): void {
    if (!hasPlace && this.used >= this.#context.settings.maxConnections && !this.#evict()) {
      this.#context.metrics.reject("limit");
      client.close(CLOSE.TRY_AGAIN_LATER, "all agents that fit in this container are in use");
      return;
    }
    // The id marks processes: one connection may have had an agent before.
    const isTaken = [...this.#agents].some(({ id }) => id === client.id);
    const agent = new HostedAgent(isTaken ? randomUUID() : client.id, this.#context);
    this.#agents.add(agent);
    void agent.done.then(() => this.#agents.delete(agent));
    visit.agent = agent;
    agent.enter(client);
    if (visit.greeting !== null) agent.exchange.forward(null, visit.greeting);
    agent.exchange.take(client, message);
  }

  /** Ends the agent that was left the longest ago, of those that do nothing. */
  #evict(): boolean {
    const [oldest] = this.#idle().sort((one, other) => (one.detachedSince ?? 0) - (other.detachedSince ?? 0));
    if (oldest === undefined) return false;
    this.#context.log.info("agent_evicted", { connection: oldest.id });
    oldest.end(DISCONNECT_WAITS);
    return true;
  }
}
