import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";

import { WebSocket } from "ws";

import { PASSWORD } from "../gateway-process.js";

/** The agent under load: it returns each message as it came, and costs the machine next to nothing. */
export const ECHO_AGENT = "cat";

const LINE_FEED = 0x0a;
const ID = /^\{"jsonrpc":"2\.0","id":(\d+)/;

/** A way to an agent of one's own that can be asked to return a message. */
export interface Link {
  /** Sends a message, and resolves when it has returned. */
  echo(text: string): Promise<void>;
  close(): Promise<void>;
}

/** Matches answers to requests by their id, without reading the rest of them: both kinds of links cost the same. */
class Pending {
  readonly #waiting = new Map<number, () => void>();
  #nextId = 1;

  async ask(text: string, write: (line: string) => void): Promise<void> {
    const id = this.#nextId;
    this.#nextId += 1;
    const line = `{"jsonrpc":"2.0","id":${id},"method":"load/echo","params":{"text":"${text}"}}`;
    const returned = new Promise<void>((resolve) => {
      this.#waiting.set(id, resolve);
    });
    write(line);
    return returned;
  }

  take(line: Buffer): void {
    const id = Number(ID.exec(line.toString("latin1", 0, 60))?.[1]);
    this.#waiting.get(id)?.();
    this.#waiting.delete(id);
  }
}

/** Straight to a process, over its stdin and stdout. */
export class DirectLink implements Link {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #pending = new Pending();
  #unfinished: Buffer[] = [];

  private constructor() {
    // With a group of its own, like the gateway's agents, so that the kernel shares out its time in the same way.
    this.#child = spawn(ECHO_AGENT, [], { stdio: ["pipe", "pipe", "inherit"], detached: true });
    this.#child.stdout.on("data", (chunk: Buffer) => {
      this.#take(chunk);
    });
  }

  static async open(): Promise<DirectLink> {
    const link = new DirectLink();
    await link.echo("");
    return link;
  }

  echo(text: string): Promise<void> {
    return this.#pending.ask(text, (line) => this.#child.stdin.write(`${line}\n`));
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
    await once(this.#child, "exit");
  }

  #take(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end !== -1; end = chunk.indexOf(LINE_FEED, start)) {
      this.#pending.take(Buffer.concat([...this.#unfinished, chunk.subarray(start, end)]));
      this.#unfinished = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#unfinished.push(chunk.subarray(start));
  }
}

/** Through a gateway, over a WebSocket. */
export class GatewayLink implements Link {
  readonly #socket: WebSocket;
  readonly #pending = new Pending();

  private constructor(port: number) {
    const headers = { authorization: `Bearer ${PASSWORD}` };
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}/acp`, { headers, perMessageDeflate: false });
    this.#socket.on("message", (data) => {
      this.#pending.take(data as Buffer);
    });
    this.#socket.on("close", (code) => {
      if (code !== 1005) throw new Error(`a connection closed with ${code}`);
    });
  }

  static async open(port: number): Promise<GatewayLink> {
    const link = new GatewayLink(port);
    await once(link.#socket, "open");
    await link.echo("");
    return link;
  }

  echo(text: string): Promise<void> {
    return this.#pending.ask(text, (line) => {
      this.#socket.send(line);
    });
  }

  async close(): Promise<void> {
    this.#socket.close();
    await once(this.#socket, "close");
  }
}
