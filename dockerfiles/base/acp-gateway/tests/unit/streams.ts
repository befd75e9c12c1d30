import { EventEmitter } from "node:events";
import { PassThrough, Writable } from "node:stream";

import type { WebSocket } from "ws";

import type { Agent, AgentExit, StopWaits } from "../../src/agent-process.js";

/** A WebSocket of memory: what is sent stays in it until the test lets the client read. */
export class MemorySocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  isPaused = false;
  bufferedAmount = 0;
  pings = 0;
  terminated = false;
  /** What its TCP socket counts. */
  readonly wire = { bytesRead: 0 };
  /** What the gateway closed it with. */
  readonly closings: { readonly code: number; readonly reason: string }[] = [];
  readonly sent: string[] = [];
  readonly #unread: { readonly bytes: number; readonly done: () => void }[] = [];

  get asWebSocket(): WebSocket {
    return this as unknown as WebSocket;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  ping(): void {
    this.pings += 1;
  }

  terminate(): void {
    this.terminated = true;
    this.emit("close", 1006, Buffer.alloc(0));
  }

  close(code: number, reason: string): void {
    this.closings.push({ code, reason });
  }

  /** The client answers the close frame, or leaves by itself. */
  finishClosing(code = 1000): void {
    this.emit("close", this.closings[0]?.code ?? code, Buffer.alloc(0));
  }

  send(data: Buffer | string, _options?: unknown, done?: () => void): void {
    const bytes = Buffer.from(data);
    this.sent.push(bytes.toString());
    this.bufferedAmount += bytes.length;
    this.#unread.push({ bytes: bytes.length, done: done ?? (() => undefined) });
  }

  /** The client reads one message. */
  readOne(): void {
    const next = this.#unread.shift();
    if (next === undefined) return;
    this.bufferedAmount -= next.bytes;
    next.done();
  }

  readAll(): void {
    while (this.#unread.length > 0) this.readOne();
  }

  /** The client sends a frame. */
  receive(data: string | Buffer, isBinary = false): void {
    this.emit("message", Buffer.from(data), isBinary);
  }
}

/** An input that takes what it is given only when the test lets it. */
export class MemoryInput extends Writable {
  readonly taken: Buffer[] = [];
  #waiting: (() => void)[] = [];
  #open: boolean;

  constructor(open: boolean, highWaterMark = 1024) {
    super({ highWaterMark });
    this.#open = open;
  }

  get text(): string {
    return Buffer.concat(this.taken).toString();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk);
    if (this.#open) done();
    else this.#waiting.push(done);
  }

  /** From now on everything is taken at once. */
  open(): void {
    this.#open = true;
    for (const done of this.#waiting.splice(0)) done();
  }
}

/** An agent of streams in memory. */
export class MemoryAgent implements Agent {
  readonly pid = 1234;
  readonly stdin: MemoryInput;
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exited: Promise<AgentExit>;
  readonly ends: StopWaits[] = [];
  killed = false;
  exit: (exit: AgentExit) => void = () => undefined;

  constructor(reads = true) {
    this.stdin = new MemoryInput(reads);
    this.exited = new Promise((resolve) => {
      this.exit = resolve;
    });
  }

  end(waits: StopWaits): Promise<void> {
    this.ends.push(waits);
    this.exit({ code: 0, signal: null });
    return Promise.resolve();
  }

  kill(): void {
    this.killed = true;
  }
}

/** Lets everything that waits for streams or promises happen. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
