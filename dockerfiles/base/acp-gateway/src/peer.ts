import { queuedBytes, type SendQueues, takenBytes, type Wire } from "./wire.js";

/** A frame without content: an unmasked one, as the gateway sends it, and the mask of a client's. */
const FRAME_BYTES = 2;
const MASK_BYTES = 4;
/** A client's kernel may hold megabytes that its program has not read, and a pong comes after them. */
const SLOWEST_READER_BYTES_PER_MS = 32;

/**
 * Whether the other end of a WebSocket lives, told by the bytes on its socket: a message that takes a minute hides every
 * pong behind it. What the client sends counts, and what it takes of messages. Its kernel confirms pings even while the
 * program hangs, so they don't count for the program, but their absence says that the machine is gone.
 */
export class Peer {
  readonly #wire: Wire;
  #heard = performance.now();
  #confirmed = performance.now();
  #took = performance.now();
  #bytesRead: number;
  #bytesConfirmed: number;
  #messageBytesTaken: number;
  #takenWhenHeard: number;
  #pingBytes = 0;
  #controlBytesRead = 0;
  #messageBytesRead: number;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#bytesRead = wire.bytesRead;
    this.#messageBytesRead = wire.bytesRead;
    this.#bytesConfirmed = takenBytes(wire);
    this.#messageBytesTaken = this.#bytesConfirmed;
    this.#takenWhenHeard = this.#bytesConfirmed;
  }

  /** The client's program said something, or can't be heard for a reason that is not its own. */
  heard(): void {
    this.#heard = performance.now();
    this.#takenWhenHeard = this.#messageBytesTaken;
  }

  /** A ping or a pong came in. */
  heardControl(content: Buffer): void {
    this.#controlBytesRead += FRAME_BYTES + MASK_BYTES + content.length;
    this.heard();
  }

  /** A ping went out. */
  pinged(contentBytes = 0): void {
    this.#pingBytes += FRAME_BYTES + contentBytes;
  }

  /** Whether a part of a message came in since the last call. */
  sendsMessage(): boolean {
    const bytes = this.#wire.bytesRead - this.#controlBytesRead;
    const more = bytes > this.#messageBytesRead;
    this.#messageBytesRead = bytes;
    return more;
  }

  /** Takes notice of what went over the wire since the last look. */
  look(queues: SendQueues): void {
    const now = performance.now();
    const confirmed = takenBytes(this.#wire) - queuedBytes(this.#wire, queues);
    if (confirmed > this.#bytesConfirmed) {
      this.#bytesConfirmed = confirmed;
      this.#confirmed = now;
    }
    if (confirmed - this.#pingBytes > this.#messageBytesTaken) {
      this.#messageBytesTaken = confirmed - this.#pingBytes;
      this.#took = now;
    }
    if (this.#wire.bytesRead > this.#bytesRead) {
      this.#bytesRead = this.#wire.bytesRead;
      this.heard();
    }
  }

  /** Whether nothing went over the wire for so long that the client must be gone, or hangs. */
  isSilent(limitMs: number): boolean {
    const now = performance.now();
    if (now - Math.max(this.#heard, this.#confirmed) > limitMs) return true;
    const readingMs = (this.#messageBytesTaken - this.#takenWhenHeard) / SLOWEST_READER_BYTES_PER_MS;
    return now - Math.max(this.#heard, this.#took) > limitMs + readingMs;
  }
}
