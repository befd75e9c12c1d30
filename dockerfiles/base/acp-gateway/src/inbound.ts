import type { Writable } from "node:stream";

import type { Message } from "./message.js";
import { takenBytes } from "./wire.js";

/** The part of a WebSocket that can be told to read no more for now. */
export interface PausableSocket {
  pause(): void;
  resume(): void;
}

/** Told of each message once the operating system has it. */
export type OnRelayed = (bytes: number, seconds: number) => void;

const NEWLINE = Buffer.from("\n");

/** The way from the client to the agent: one line a message; the socket rests while the agent's input is full. */
export class Inbound {
  readonly #socket: PausableSocket;
  readonly #stdin: Writable;
  readonly #onRelayed: OnRelayed;
  #blockedSince: number | null = null;
  #taken = 0;

  constructor(socket: PausableSocket, stdin: Writable, onRelayed: OnRelayed) {
    this.#socket = socket;
    this.#stdin = stdin;
    this.#onRelayed = onRelayed;
    stdin.on("drain", () => {
      this.#unblock();
    });
    // The agent closed its input or ended; its exit is what counts.
    stdin.on("error", () => {
      this.#unblock();
    });
  }

  /**
   * When the agent last took something of what its full input holds, as far as was seen (`performance.now()`), or null
   * while it takes more. An agent that reads a big message slowly does read.
   */
  get blockedSince(): number | null {
    const taken = takenBytes(this.#stdin);
    if (this.#blockedSince !== null && taken > this.#taken) this.#blockedSince = performance.now();
    this.#taken = taken;
    return this.#blockedSince;
  }

  /** Relays a scanned message, which has no line breaks. */
  write({ parts, bytes }: Pick<Message, "parts" | "bytes">): void {
    if (!this.#stdin.writable) return;
    const arrived = performance.now();
    this.#stdin.cork();
    for (const part of parts) this.#stdin.write(part);
    const takesMore = this.#stdin.write(NEWLINE, (error) => {
      if (!error) this.#onRelayed(bytes, (performance.now() - arrived) / 1000);
    });
    this.#stdin.uncork();
    if (!takesMore && this.#blockedSince === null) {
      this.#blockedSince = arrived;
      this.#taken = takenBytes(this.#stdin);
      this.#socket.pause();
    }
  }

  #unblock(): void {
    if (this.#blockedSince === null) return;
    this.#blockedSince = null;
    this.#socket.resume();
  }
}
