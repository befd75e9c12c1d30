import type { Message } from "./message.js";

/** A request that a client sent and the agent has not answered. */
export interface ClientRequest<C> {
  /** Null: the gateway's own, whose answer goes to nobody. */
  readonly client: C | null;
  /** The id as the client wrote it. */
  readonly id: string;
  readonly idKey: string;
  readonly method: string;
  readonly sessionId: string | null;
  /** The id that the agent knows instead, where another client's request had the same one. */
  readonly agentId: string | null;
}

/** A request that the agent sent and no client has answered. */
export interface AgentRequest {
  /** Null: too much to keep, so that it can't be repeated. */
  readonly message: Message | null;
  readonly id: string;
  readonly sessionId: string | null;
  readonly forController: boolean;
}

/** Requests that are never answered must not add up. */
const MAX_PENDING = 10_000;
const MAX_KEPT_BYTES = 1 << 20;
const OWN_ID = "codeopen";

/** The requests of all clients to one agent, under ids that are all different. */
export class ClientRequests<C> {
  readonly #pending = new Map<string, ClientRequest<C>>();
  #rewritten = 0;

  /** Notes a request, and returns it with the id to send it under, or null where it has none that can be told. */
  open(client: C | null, message: Message): ClientRequest<C> | null {
    const { id, idKey, method, sessionId } = message.envelope;
    if (id === null || idKey === null || method === null) return null;
    let key = idKey;
    let agentId: string | null = null;
    while (this.#pending.has(key)) {
      this.#rewritten += 1;
      agentId = JSON.stringify(`${OWN_ID}-${this.#rewritten}`);
      key = `string ${OWN_ID}-${this.#rewritten}`;
    }
    const request = { client, id: Buffer.concat(message.slice(id)).toString(), idKey, method, sessionId, agentId };
    this.#pending.set(key, request);
    if (this.#pending.size > MAX_PENDING) this.#dropOldestOf(client);
    return request;
  }

  /** Of the client that sends one too many, so that nobody's flood makes the turn of another one forgotten. */
  #dropOldestOf(client: C | null): void {
    for (const [key, request] of this.#pending) {
      if (request.client !== client) continue;
      this.#pending.delete(key);
      return;
    }
  }

  /** The request that an answer is for; it is answered now. */
  take(idKey: string | null): ClientRequest<C> | undefined {
    const request = this.#pending.get(idKey ?? "");
    this.#pending.delete(idKey ?? "");
    return request;
  }

  /**
   * The id that the agent knows a client's open request under where it is another one, else null; undefined where there
   * is no such request, neither of this client nor of one that it may act for.
   */
  agentIdOf(idKey: string, client: C, mayActFor: (other: C | null) => boolean): string | null | undefined {
    const those = [...this.#pending.values()].filter((request) => request.idKey === idKey);
    const own = those.find((request) => request.client === client);
    return (own ?? those.find((request) => mayActFor(request.client)))?.agentId;
  }
}

/** The agent's requests that no client has answered. */
export class AgentRequests {
  readonly #asked = new Map<string, AgentRequest>();

  open(idKey: string, request: AgentRequest): void {
    this.#asked.set(idKey, request);
    dropOldest(this.#asked);
    let bytes = 0;
    // The latest are the ones that still wait.
    for (const [key, asked] of [...this.#asked].reverse()) {
      bytes += asked.message?.bytes ?? 0;
      if (bytes > MAX_KEPT_BYTES && asked.message !== null) this.#asked.set(key, { ...asked, message: null });
    }
  }

  get(idKey: string): AgentRequest | undefined {
    return this.#asked.get(idKey);
  }

  close(idKey: string): void {
    this.#asked.delete(idKey);
  }

  all(): Iterable<AgentRequest> {
    return this.#asked.values();
  }
}

function dropOldest(pending: Map<string, unknown>): void {
  const [oldest] = pending.keys();
  if (pending.size > MAX_PENDING && oldest !== undefined) pending.delete(oldest);
}
