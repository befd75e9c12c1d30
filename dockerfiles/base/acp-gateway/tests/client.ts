import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";

import { type ClientOptions, WebSocket } from "ws";

import { PASSWORD } from "./gateway-process.js";

const CLOSE_DEADLINE_MS = 15_000;

/** How a connection ended. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A JSON-RPC message, as loosely as tests need it. */
export interface Answer {
  readonly id?: string | number | null;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** How a test connects; by default with the token as a bearer. */
export interface ConnectOptions extends ClientOptions {
  readonly path?: string;
  readonly subprotocols?: readonly string[];
}

/** A client that knows nothing of ACP but frames and ids. */
export class Client {
  readonly socket: WebSocket;
  readonly received: string[] = [];
  readonly #closed: Promise<Closed>;
  readonly #answers: Answer[] = [];
  #nextId = 1;

  constructor(port: number, options: ConnectOptions = {}) {
    const { path = "/acp", subprotocols = [], ...rest } = options;
    const headers = { authorization: `Bearer ${PASSWORD}`, ...rest.headers };
    this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [...subprotocols], { ...rest, headers });
    this.socket.on("message", (data) => {
      const text = (data as Buffer).toString("utf8");
      this.received.push(text);
      this.#answers.push(JSON.parse(text) as Answer);
    });
    this.socket.on("error", () => undefined);
    this.#closed = once(this.socket, "close").then(([code, reason]) => ({
      code: code as number,
      reason: (reason as Buffer).toString("utf8"),
    }));
  }

  /** How the connection ended; rejects when it does not end within some seconds. */
  get closed(): Promise<Closed> {
    const late = wait(CLOSE_DEADLINE_MS, undefined, { ref: false }).then(() => {
      throw new Error("the connection did not close");
    });
    return Promise.race([this.#closed, late]);
  }

  /** Connects, and returns when the WebSocket is open. */
  static async open(port: number, options: ConnectOptions = {}): Promise<Client> {
    const client = new Client(port, options);
    await once(client.socket, "open");
    return client;
  }

  /** Asks for a WebSocket where none is given, and returns the HTTP status. */
  static async refused(port: number, options: ConnectOptions = {}): Promise<number> {
    const client = new Client(port, options);
    return new Promise((resolve, reject) => {
      client.socket.once("open", () => {
        client.socket.terminate();
        reject(new Error("the WebSocket was given"));
      });
      client.socket.once("unexpected-response", (request, response) => {
        request.destroy();
        resolve(response.statusCode ?? 0);
      });
    });
  }

  send(text: string | Buffer): void {
    this.socket.send(text);
  }

  notify(method: string, params: unknown = {}): void {
    this.send(JSON.stringify({ jsonrpc: "2.0", method, params }));
  }

  /** Sends a request and waits for its answer. */
  async request(method: string, params: unknown = {}): Promise<Answer> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return this.answer((message) => message.id === id && message.method === undefined);
  }

  /** Waits for a message. */
  async answer(isIt: (message: Answer) => boolean): Promise<Answer> {
    let seen = 0;
    for (;;) {
      for (; seen < this.#answers.length; seen += 1) {
        const message = this.#answers[seen];
        if (message !== undefined && isIt(message)) return message;
      }
      if (this.socket.readyState === WebSocket.CLOSED) throw new Error("the connection closed without the answer");
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Sends a request and returns its id; for one that is not answered soon. */
  ask(method: string, params: unknown = {}): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    return id;
  }

  /** Waits for a message with a method. */
  async told(method: string): Promise<Readonly<Record<string, unknown>>> {
    return (await this.answer((message) => message.method === method)).params ?? {};
  }

  /** What the agent said, in order. */
  get spoken(): string[] {
    const updates = this.#answers.filter(({ method }) => method === "session/update");
    return updates.map(({ params }) => {
      const { content } = params?.["update"] as { content: { text: string } };
      return content.text.trim();
    });
  }

  /** Begins a session, and returns its id. */
  async begin(): Promise<string> {
    await this.request("initialize", { protocolVersion: 1 });
    const { result } = await this.request("session/new", { cwd: "/tmp", mcpServers: [] });
    return result?.["sessionId"] as string;
  }

  /** Asks for a turn, and returns the id of the request. */
  prompt(sessionId: string, text: string): number {
    return this.ask("session/prompt", { sessionId, prompt: [{ type: "text", text }] });
  }

  /** Takes a session up again. */
  async reenter(method: "session/load" | "session/resume", sessionId: string): Promise<Answer> {
    await this.request("initialize", { protocolVersion: 1 });
    return this.request(method, { sessionId, cwd: "/tmp", mcpServers: [] });
  }

  close(): void {
    this.socket.close();
  }
}
