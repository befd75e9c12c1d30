const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** A line grew over the limit before it ended. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";

  constructor(maxBytes: number) {
    super(`a line is longer than ${maxBytes} bytes`);
  }
}

/** Cuts a stream of bytes into lines, holding at most one unfinished line. Empty lines are left out. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The lines that `chunk` completes. Raises LineTooLongError, after which the stream can't be used any more. */
  *push(chunk: Buffer): Generator<Buffer> {
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(LINE_FEED, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      this.#bytes += part.length;
      if (this.#bytes > this.#maxBytes) throw new LineTooLongError(this.#maxBytes);
      this.#parts.push(part);
      if (end === -1) return;
      const line = this.#take();
      if (line.length > 0) yield line;
      start = end + 1;
    }
  }

  /** The bytes of the line that has not ended yet. */
  get unfinishedBytes(): number {
    return this.#bytes;
  }

  #take(): Buffer {
    const [only] = this.#parts;
    const line = this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#bytes = 0;
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  }
}
