import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerOptions as HttpOptions } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { type ServerOptions, type WebSocket, WebSocketServer } from "ws";

import { AgentDirectory } from "./agent-directory.js";
import type { ConnectionContext } from "./agent-link.js";
import { type Agent, MARKER } from "./agent-process.js";
import { AgentSlots } from "./agent-slots.js";
import { AgentStarter } from "./agent-starter.js";
import { Anteroom } from "./anteroom.js";
import { isLoggedIn, SUBPROTOCOL } from "./authentication.js";
import { Connection } from "./connection.js";
import { FrameUnmasker } from "./frame-unmasker.js";
import { asksForWebSocket, type Doorway, judgeHandshake, type Refusal } from "./handshake.js";
import { answerHttp } from "./http-routes.js";
import type { Log } from "./log.js";
import { Metrics } from "./metrics.js";
import { Peer } from "./peer.js";
import { endMarkedProcesses } from "./marked-processes.js";
import { refuse } from "./refuse.js";
import type { Settings } from "./settings.js";
import { TurnRecords } from "./turn-records.js";
import { readSendQueues } from "./wire.js";

/** How long a client may take to answer a close frame. */
const CLOSE_WAIT_MS = 1500;
/** How long a client may take to send a request, and how often Node looks whether one is late. */
const REQUEST_WAIT_MS = 10_000;
const REQUEST_CHECK_MS = 250;

const BAD_HANDSHAKE: Refusal = {
  status: 400,
  text: "not a WebSocket handshake of version 13",
  headers: { "Sec-WebSocket-Version": "13" },
};

/** Listens, lets clients in, and keeps their connections. */
export class Gateway {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #starter: AgentStarter;
  readonly #context: ConnectionContext;
  readonly #directory: AgentDirectory;
  readonly #connections = new Set<Connection>();
  readonly #server = createServer(httpOptions());
  readonly #anteroom: Anteroom;
  readonly #sockets: WebSocketServer;
  /** The id of a connection between the decision to accept its request and the answer that carries it. */
  readonly #ids = new WeakMap<IncomingMessage, string>();
  #liveness: NodeJS.Timeout | undefined;
  #shuttingDown = false;

  constructor(settings: Settings, environment: NodeJS.ProcessEnv, log: Log) {
    this.#settings = settings;
    this.#log = log;
    const slots = new AgentSlots(settings.maxConnections);
    const metrics = new Metrics({
      connections: () => this.#places().connections,
      maxConnections: settings.maxConnections,
      agents: () => slots.used,
    });
    this.#anteroom = new Anteroom(settings.anteroom, () => {
      metrics.reject("crowded");
    });
    this.#starter = new AgentStarter(settings.agentCommand, settings.workspace, environment);
    const startAgent = (connection: string): Promise<Agent> => this.#starter.start(connection);
    const turns = new TurnRecords(settings.stateDirectory, log);
    this.#context = { settings, startAgent, slots, turns, metrics, log };
    this.#directory = new AgentDirectory(this.#context);
    this.#sockets = new WebSocketServer(socketOptions(settings));
    this.#serve();
  }

  /** Starts to listen. Rejects when the address can't be had. */
  async listen(): Promise<AddressInfo> {
    this.#server.listen(this.#settings.port, this.#settings.host);
    await once(this.#server, "listening");
    // Only now it is sure that no other gateway runs. Agents end with theirs; what they had detached does not.
    for (const agent of this.#context.turns.recover()) void endMarkedProcesses(MARKER, agent);
    const address = this.#server.address() as AddressInfo;
    this.#liveness = setInterval(() => {
      void this.#checkLiveness(address.port);
    }, this.#settings.pingMs);
    return address;
  }

  async #checkLiveness(port: number): Promise<void> {
    if (this.#connections.size === 0) return;
    const queues = await readSendQueues(port);
    for (const connection of this.#connections) connection.checkLiveness(queues);
  }

  /** Takes no more clients, and lets turns that run end, for as long as they may; resolves when none does any more. */
  async drain(): Promise<void> {
    this.#shuttingDown = true;
    for (const connection of this.#connections) if (this.#directory.agentOf(connection) === null) connection.shutDown();
    await this.#directory.drain(this.#settings.drainMs);
  }

  /** Closes the connections, and resolves when they and all agents are gone. */
  async shutDown(): Promise<void> {
    clearInterval(this.#liveness);
    this.#server.close();
    const agents = this.#directory.shutDown();
    for (const connection of this.#connections) connection.shutDown();
    await agents;
    await Promise.all([...this.#connections].map((connection) => connection.closed));
    this.#server.closeAllConnections();
  }

  /** Ends all agents at once; for when there is no time left. */
  killAgents(): void {
    this.#directory.kill();
  }

  #serve(): void {
    const { metrics } = this.#context;
    const http = {
      metrics,
      metricsToken: this.#settings.metricsToken,
      doorway: () => this.#doorway(),
      places: () => this.#places(),
      obstacle: () => this.#starter.obstacle(),
    };
    // Node's other times end with a request; this one ends sockets whose answers nobody reads.
    this.#server.setTimeout(REQUEST_WAIT_MS);
    this.#server.on("connection", (socket: Socket) => {
      this.#anteroom.enter(socket);
    });
    this.#server.on("request", (request, response) => {
      void answerHttp(request, response, http);
    });
    this.#server.on("upgrade", (request, socket, head) => {
      void this.#upgrade(request, socket, head);
    });
    this.#sockets.on("headers", (headers, request) => {
      const id = this.#ids.get(request);
      if (id !== undefined) headers.push(`Acp-Connection-Id: ${id}`);
    });
    this.#sockets.on("wsClientError", (_error, socket) => {
      metrics.reject("bad_handshake");
      refuse(socket, BAD_HANDSHAKE);
    });
  }

  async #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    // A client that leaves during the handshake is none of our business.
    socket.on("error", () => socket.destroy());
    const loggedIn = await isLoggedIn(request.headers, this.#settings.login, () => !socket.destroyed);
    if (socket.destroyed) return;
    const verdict = judgeHandshake(request, this.#doorway(), loggedIn);
    const peer = request.socket.remoteAddress;
    if (verdict.kind !== "accept") {
      this.#context.metrics.reject(verdict.rejection);
      this.#log.warning("client_refused", { peer, rejection: verdict.rejection });
    }
    if (verdict.kind === "refuse") {
      refuse(socket, verdict.refusal);
      return;
    }
    if (verdict.kind === "accept") this.#ids.set(request, randomUUID());
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      const unmasker = new FrameUnmasker();
      // Before the listener of `ws`: it gets the bytes that this one leaves.
      socket.prependListener("data", (chunk: Buffer) => {
        unmasker.push(chunk);
      });
      const id = this.#ids.get(request);
      if (verdict.kind === "close" || id === undefined) {
        client.on("error", () => undefined);
        if (verdict.kind === "close") client.close(verdict.code, verdict.reason);
        return;
      }
      this.#admit(id, client, request.socket);
    });
  }

  #admit(id: string, client: WebSocket, socket: Socket): void {
    this.#anteroom.leave(socket);
    this.#context.metrics.connectionsAccepted.add();
    this.#log.info("connection_opened", { connection: id, peer: socket.remoteAddress });
    const connection = new Connection(
      { id, socket: client, hasPlace: this.#places().connections < this.#settings.maxConnections },
      new Peer(socket),
      this.#context,
      this.#directory,
    );
    this.#connections.add(connection);
    void connection.closed.then(() => {
      this.#connections.delete(connection);
    });
  }

  #doorway(): Doorway {
    const { login, allowedOrigins } = this.#settings;
    return { login, allowedOrigins, shuttingDown: this.#shuttingDown, hasPlace: this.#hasPlace() };
  }

  /** With all places taken, a client may still take up what it left, or observe; and take an idle agent's place. */
  #hasPlace(): boolean {
    const { connections, limit } = this.#places();
    if (connections < limit) return true;
    const { hasIdle, isOpen } = this.#directory;
    return (hasIdle || isOpen) && this.#open().length < limit + this.#settings.maxObservers;
  }

  /** Agents have places, and clients that an agent was promised to. */
  #places(): { connections: number; limit: number } {
    const waiting = this.#open().filter((client) => client.hasPlace && this.#directory.agentOf(client) === null);
    return { connections: this.#directory.used + waiting.length, limit: this.#settings.maxConnections };
  }

  #open(): Connection[] {
    return [...this.#connections].filter((connection) => !connection.closing);
  }
}

/** Node's own types lack `shouldUpgradeCallback` (22.21): whether `Upgrade` is followed, or ignored as HTTP allows. */
function httpOptions(): HttpOptions & { readonly shouldUpgradeCallback: (request: IncomingMessage) => boolean } {
  return {
    headersTimeout: REQUEST_WAIT_MS,
    requestTimeout: REQUEST_WAIT_MS,
    connectionsCheckingInterval: REQUEST_CHECK_MS,
    shouldUpgradeCallback: asksForWebSocket,
  };
}

function socketOptions(settings: Settings): ServerOptions & { readonly closeTimeout: number } {
  return {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: settings.maxMessageBytes,
    closeTimeout: CLOSE_WAIT_MS,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  };
}
