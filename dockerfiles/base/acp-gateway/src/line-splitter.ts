const LINE_FEED = 0x0a;

/** A line grew over the limit before it ended. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";

  constructor(maxBytes: number) {
    super(`a line is longer than ${maxBytes} bytes`);
  }
}

/** A piece of a line; the last one of it says so. */
export interface LinePiece {
  readonly bytes: Buffer;
  readonly ends: boolean;
}

/** Cuts a stream of bytes into lines, without keeping any of them. */
export class LineSplitter {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The pieces of lines in `chunk`. Raises LineTooLongError, after which the stream can't be used any more. */
  *push(chunk: Buffer): Generator<LinePiece> {
    for (let start = 0; start < chunk.length;) {
      const end = chunk.indexOf(LINE_FEED, start);
      const bytes = chunk.subarray(start, end === -1 ? chunk.length : end);
      this.#bytes += bytes.length;
      if (this.#bytes > this.#maxBytes) throw new LineTooLongError(this.#maxBytes);
      yield { bytes, ends: end !== -1 };
      if (end === -1) return;
      this.#bytes = 0;
      start = end + 1;
    }
  }

  /** The bytes of the line that has not ended yet. */
  get unfinishedBytes(): number {
    return this.#bytes;
  }
}
