import type { ConnectionContext } from "./agent-link.js";
import { CLOSE } from "./close-codes.js";
import * as extension from "./extension.js";
import type { Message } from "./message.js";
import { CANCEL, CLOSES_SESSION, FOR_CONTROLLER, FOR_OBSERVERS, OPENS_SESSION, PROMPT } from "./methods.js";
import type { MessageSink } from "./outbound.js";
import { type AgentRequest, AgentRequests, type ClientRequest, ClientRequests } from "./pending-requests.js";
import { cancellation, sendable, textOf, withId } from "./rewriting.js";
import type { Client, Seats, Sendable } from "./seats.js";

const TURN_ENDED = Buffer.from('"method":"_codeopen/turn_ended"');

type Done = (error?: Error | null) => void;

interface Session {
  /** What answered the request that opened it, as JSON. */
  readonly result: string;
  /** Prompts that are not answered. */
  turns: number;
  /** The client that the session's past is being told to. */
  loader: Client | null;
}

/** What an exchange needs of its agent. */
export interface ExchangeAgent {
  readonly id: string;
  readonly write: (message: Sendable) => void;
  readonly onTurnEnded: () => void;
}

/** Who gets which message between an agent and its clients: ids, requests in both directions, sessions, turns. */
export class Exchange implements MessageSink {
  /** JSON of the agent's answer to `initialize`. */
  initializeResult: string | null = null;
  draining = false;
  readonly #agent: ExchangeAgent;
  readonly #seats: Seats;
  readonly #context: ConnectionContext;
  readonly #sessions = new Map<string, Session>();
  readonly #requests = new ClientRequests<Client>();
  readonly #asked = new AgentRequests();

  constructor(agent: ExchangeAgent, seats: Seats, context: ConnectionContext) {
    this.#agent = agent;
    this.#seats = seats;
    this.#context = context;
  }

  /** Observers don't hold the agent back. */
  get bufferedAmount(): number {
    return this.#seats.controller?.bufferedAmount ?? 0;
  }

  get turnRuns(): boolean {
    return [...this.#sessions.values()].some(({ turns }) => turns > 0);
  }

  get hasSessions(): boolean {
    return this.#sessions.size > 0;
  }

  holds(sessionId: string): boolean {
    return this.#sessions.has(sessionId);
  }

  /** No past is told to a client any more. */
  left(client: Client): void {
    for (const session of this.#sessions.values()) if (session.loader === client) session.loader = null;
  }

  /** The agent ended: what runs is lost. */
  loseTurns(): void {
    for (const [sessionId, { turns }] of this.#sessions) if (turns > 0) this.#context.turns.lose(sessionId);
  }

  /** A message of a client that has a seat. */
  take(client: Client, message: Message): void {
    const { kind, method, id } = message.envelope;
    if (kind === "response") {
      this.#settle(client, message);
    } else if (method === extension.TAKE_CONTROL && id !== null) {
      client.tell(extension.answerText(textOf(message, id), "{}"));
      this.#seats.take(client);
      this.repeatToController();
    } else if (client !== this.#seats.controller && !FOR_OBSERVERS.has(method ?? "")) {
      this.#refuse(client, message, extension.NOT_IN_CONTROL, extension.OBSERVES);
    } else if (this.draining && method === PROMPT) {
      this.#refuse(client, message, extension.DRAINING, "the gateway is shutting down");
    } else if (method === CANCEL) {
      this.#cancel(client, message);
    } else {
      this.forward(client, message);
    }
  }

  /** Forwards a request, whose answer goes to its client alone, or to nobody; or a notification. */
  forward(client: Client | null, message: Message): void {
    const { kind, method, sessionId, id } = message.envelope;
    const request = kind === "request" ? this.#requests.open(client, message) : null;
    const session = this.#sessions.get(sessionId ?? "");
    if (request !== null && method === PROMPT && session !== undefined && sessionId !== null) {
      session.turns += 1;
      this.#context.turns.begin(sessionId, this.#agent.id);
    }
    const agentId = request?.agentId ?? null;
    this.#agent.write(agentId === null || id === null ? message : withId(message, agentId));
  }

  /** A client that has a seat joins a session, as its request says: it gets what it missed, and what comes. */
  join(client: Client, sessionId: string, message: Message): void {
    const session = this.#sessions.get(sessionId);
    const { id, method } = message.envelope;
    if (session === undefined || id === null) return;
    this.#seats.join(client, sessionId);
    if (method === "session/load") {
      session.loader = client;
      this.forward(client, message);
    } else {
      client.tell(extension.answerText(textOf(message, id), session.result));
      this.#seats.makeUp(client, sessionId, session.turns > 0);
      this.#repeat(client, (asked) => asked.sessionId === sessionId);
    }
  }

  /** Whoever controls now gets the requests that only it can serve. */
  repeatToController(): void {
    const { controller } = this.#seats;
    if (controller !== null) this.#repeat(controller, ({ forController }) => forController);
  }

  /** A message of the agent. */
  send(message: Message, done: Done): void {
    const { kind, idKey, sessionId } = message.envelope;
    const request = kind === "response" ? this.#requests.take(idKey) : undefined;
    if (request !== undefined) {
      this.#answer(request, message, done);
    } else if (kind === "request" && idKey !== null) {
      this.#ask(idKey, message, done);
    } else {
      const session = this.#sessions.get(sessionId ?? "");
      // A past that is told again is for who asked for it, as far as it can be told from what is new.
      if (session?.turns === 0 && session.loader !== null) session.loader.send(message, done);
      else this.#spread(sessionId, message, this.#seats.of(sessionId), done);
    }
  }

  #spread(sessionId: string | null, message: Sendable, to: readonly Client[], done: Done): void {
    const { controller } = this.#seats;
    const { detachBufferBytes } = this.#context.settings;
    const late = to.filter((client) => client !== controller && client.bufferedAmount > detachBufferBytes);
    for (const client of late) client.close(CLOSE.TRY_AGAIN_LATER, "the client is too far behind to observe");
    const inTime = to.filter((client) => !late.includes(client));
    this.#seats.spread(sessionId, message, inTime, done);
  }

  #answer(request: ClientRequest<Client>, message: Message, done: Done): void {
    const { client, method, agentId, id } = request;
    const { result } = message.envelope;
    if (method === "initialize" && result !== null) this.initializeResult = textOf(message, result);
    if (client === null) {
      done();
      return;
    }
    client.send(agentId === null ? message : withId(message, id), done);
    const sessionId = request.sessionId ?? message.envelope.sessionId;
    if (OPENS_SESSION.has(method)) this.#opened(client, request, message);
    if (sessionId === null) return;
    if (method === PROMPT) this.#turnEnded(client, sessionId, message);
    if (CLOSES_SESSION.has(method) && result !== null) {
      this.#sessions.delete(sessionId);
      this.#seats.forget(sessionId);
    }
  }

  /** OpenCode 1.18 does not repeat the session's id in its answer to `session/load`. */
  #opened(client: Client, { method, sessionId: asked }: ClientRequest<Client>, message: Message): void {
    const { result, sessionId: told } = message.envelope;
    const sessionId = told ?? (method === "session/fork" ? null : asked);
    this.left(client);
    if (result === null || sessionId === null) return;
    const session = this.#sessions.get(sessionId);
    this.#sessions.set(sessionId, { turns: session?.turns ?? 0, loader: null, result: textOf(message, result) });
    this.#seats.join(client, sessionId);
    if (session !== undefined) {
      // What was told of the past is not told twice; how its turn ended is no part of it.
      this.#seats.makeUp(client, sessionId, session.turns > 0, (text) => text.includes(TURN_ENDED));
      this.#repeat(client, (one) => one.sessionId === sessionId);
    } else if (asked !== null && this.#context.turns.takeLost(sessionId)) {
      client.tell(extension.turnLost(sessionId));
    }
  }

  /** Everybody but who asked is told how a turn ended; who asked, if it is lost before it has the answer. */
  #turnEnded(client: Client, sessionId: string, answer: Message): void {
    const session = this.#sessions.get(sessionId);
    if (session === undefined || session.turns === 0) return;
    session.turns -= 1;
    if (session.turns === 0) this.#context.turns.end(sessionId);
    const message = sendable(extension.turnEnded(sessionId, answer));
    const others = this.#seats.of(sessionId).filter((other) => other !== client);
    this.#spread(sessionId, message, others, () => undefined);
    this.#agent.onTurnEnded();
  }

  #ask(idKey: string, message: Message, done: Done): void {
    const { id, method, sessionId } = message.envelope;
    const forController = FOR_CONTROLLER.test(method ?? "");
    if (id !== null) this.#asked.open(idKey, { message, id: textOf(message, id), sessionId, forController });
    const { controller } = this.#seats;
    const to = forController ? (controller === null ? [] : [controller]) : this.#seats.of(sessionId);
    to.forEach((client, index) => {
      client.send(message, index === 0 ? done : undefined);
    });
    if (to.length === 0) done();
  }

  #repeat(client: Client, which: (asked: AgentRequest) => boolean): void {
    const isController = client === this.#seats.controller;
    for (const asked of this.#asked.all()) {
      if (which(asked) && (isController || !asked.forController) && asked.message !== null) client.send(asked.message);
    }
  }

  /** The first answer to a request of the agent counts; those who were asked too are told that it is settled. */
  #settle(client: Client, message: Message): void {
    const key = message.envelope.idKey ?? "";
    const asked = this.#asked.get(key);
    if (asked === undefined || (asked.forController && client !== this.#seats.controller)) return;
    this.#asked.close(key);
    this.#agent.write(message);
    if (asked.forController) return;
    for (const other of this.#seats.of(asked.sessionId)) {
      if (other !== client) other.tell(extension.cancelRequest(asked.id));
    }
  }

  /** A client cancels its own requests; who controls, also those of clients that are gone, such as itself before a cut. */
  #cancel(client: Client, message: Message): void {
    const { controller, clients } = this.#seats;
    const isLeft = (other: Client | null) => client === controller && other !== null && !clients.includes(other);
    const renamed = cancellation(message, (idKey) => this.#requests.agentIdOf(idKey, client, isLeft));
    if (renamed !== null) this.#agent.write(renamed);
  }

  #refuse(client: Client, message: Message, code: number, why: string): void {
    const { id } = message.envelope;
    const data = code === extension.NOT_IN_CONTROL ? { method: extension.TAKE_CONTROL } : {};
    if (id !== null) client.tell(extension.refusal(textOf(message, id), code, why, data));
  }
}
