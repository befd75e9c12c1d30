import type { Readable } from "node:stream";

import type { OnRelayed } from "./inbound.js";
import { LineSplitter, LineTooLongError } from "./line-splitter.js";
import { isMessageLine } from "./message.js";

/** The part of a WebSocket that takes messages, and says how much of them it still holds. */
export interface SendingSocket {
  readonly bufferedAmount: number;
  send(data: Buffer, options: { binary: false }, done: (error?: Error | null) => void): void;
}

/** What the way to the client tells its owner. */
export interface OutboundEvents {
  readonly onRelayed: OnRelayed;
  /** The agent printed a line that is no message; it was left out. */
  readonly onStrayLine: (bytes: number) => void;
  readonly onLineTooLong: (error: LineTooLongError) => void;
  /** The client took what it had left lying. */
  readonly onUnblocked: () => void;
}

/** The agent rests while a client has this much to read, and goes on when little of it is left. */
export const HIGH_WATER_BYTES = 1 << 20;
export const LOW_WATER_BYTES = HIGH_WATER_BYTES / 4;

/** The way from the agent to the client: one frame a line; the agent's output rests while the client is behind. */
export class Outbound {
  readonly #socket: SendingSocket;
  readonly #stdout: Readable;
  readonly #events: OutboundEvents;
  readonly #splitter: LineSplitter;
  #blocked = false;
  #spoke = false;
  #ended = false;

  constructor(socket: SendingSocket, stdout: Readable, maxLineBytes: number, events: OutboundEvents) {
    this.#socket = socket;
    this.#stdout = stdout;
    this.#events = events;
    this.#splitter = new LineSplitter(maxLineBytes);
    stdout.on("data", (chunk: Buffer) => {
      this.#take(chunk);
    });
  }

  /** Whether the client is behind. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Whether the agent has sent a message at all. */
  get spoke(): boolean {
    return this.#spoke;
  }

  /** The bytes of a line that the agent began and has not ended. */
  get unfinishedBytes(): number {
    return this.#splitter.unfinishedBytes;
  }

  /** Relays nothing more: what the agent still prints is read and dropped. */
  end(): void {
    this.#ended = true;
    this.#stdout.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const line of this.#splitter.push(chunk)) this.#relay(line);
    } catch (error) {
      if (!(error instanceof LineTooLongError)) throw error;
      this.end();
      this.#events.onLineTooLong(error);
    }
  }

  #relay(line: Buffer): void {
    if (!isMessageLine(line)) {
      this.#events.onStrayLine(line.length);
      return;
    }
    this.#spoke = true;
    const arrived = performance.now();
    this.#socket.send(line, { binary: false }, (error) => {
      if (!error) this.#events.onRelayed(line.length, (performance.now() - arrived) / 1000);
      if (this.#blocked && this.#socket.bufferedAmount <= LOW_WATER_BYTES) this.#unblock();
    });
    if (!this.#blocked && this.#socket.bufferedAmount > HIGH_WATER_BYTES) {
      this.#blocked = true;
      this.#stdout.pause();
    }
  }

  #unblock(): void {
    this.#blocked = false;
    this.#stdout.resume();
    this.#events.onUnblocked();
  }
}
