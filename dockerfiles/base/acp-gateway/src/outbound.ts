import type { Readable } from "node:stream";

import type { OnRelayed } from "./inbound.js";
import { LineSplitter, LineTooLongError } from "./line-splitter.js";
import { type Message, MessageScanner } from "./message.js";

/** Where an agent's messages go, which says how much of them it still holds. */
export interface MessageSink {
  readonly bufferedAmount: number;
  send(message: Message, done: (error?: Error | null) => void): void;
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

/**
 * The way from the agent to the client: one message a line; the agent's output rests while the client is behind. Lines
 * are scanned as they come in, so that a large one holds nothing up, and copied never.
 */
export class Outbound {
  readonly #sink: MessageSink;
  readonly #stdout: Readable;
  readonly #events: OutboundEvents;
  readonly #splitter: LineSplitter;
  #scanner = new MessageScanner();
  #lineBytes = 0;
  #blocked = false;
  #spoke = false;
  #ended = false;

  constructor(sink: MessageSink, stdout: Readable, maxLineBytes: number, events: OutboundEvents) {
    this.#sink = sink;
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

  /** Goes on reading the agent once little is left to read for the client. */
  flow(): void {
    if (!this.#blocked || this.#sink.bufferedAmount > LOW_WATER_BYTES) return;
    this.#blocked = false;
    if (!this.#ended) this.#stdout.resume();
    this.#events.onUnblocked();
  }

  /** Relays nothing more: what the agent still prints is read and dropped. */
  end(): void {
    this.#ended = true;
    this.#stdout.resume();
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const { bytes, ends } of this.#splitter.push(chunk)) {
        this.#scanner.push(bytes);
        this.#lineBytes += bytes.length;
        if (ends) this.#endLine();
      }
    } catch (error) {
      if (!(error instanceof LineTooLongError)) throw error;
      this.end();
      this.#events.onLineTooLong(error);
    }
  }

  /** ACP has one message a line; what a batch holds are messages, too. Empty lines are left out. */
  #endLine(): void {
    const bytes = this.#lineBytes;
    const scanned = this.#scanner.finish();
    this.#scanner = new MessageScanner();
    this.#lineBytes = 0;
    if (scanned.kind === "message") this.#relay(scanned.message);
    else if (scanned.kind === "batch" && scanned.messages.length > 0)
      for (const one of scanned.messages) this.#relay(one);
    else if (bytes > 0) this.#events.onStrayLine(bytes);
  }

  #relay(message: Message): void {
    this.#spoke = true;
    const arrived = performance.now();
    this.#sink.send(message, (error) => {
      if (!error) this.#events.onRelayed(message.bytes, (performance.now() - arrived) / 1000);
      this.flow();
    });
    if (!this.#blocked && this.#sink.bufferedAmount > HIGH_WATER_BYTES) {
      this.#blocked = true;
      this.#stdout.pause();
    }
  }
}
