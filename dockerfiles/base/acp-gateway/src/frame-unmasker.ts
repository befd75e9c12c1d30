const MASK_BIT = 0x80;
const LENGTH_BITS = 0x7f;
const LENGTH_IN_2 = 126;
const LENGTH_IN_8 = 127;
const MASK_BYTES = 4;

/**
 * Takes the masks off a client's frames (RFC 6455, section 5.3) as their bytes come in, and writes masks of zeros in
 * their place, which change nothing. The receiver of `ws` would do it only once a frame is whole: for one of 16 MiB that
 * holds up all connections for as long as they may wait at most. Whatever is wrong with a frame is for `ws` to find.
 */
export class FrameUnmasker {
  readonly #mask = new Uint8Array(MASK_BYTES);
  readonly #header: number[] = [];
  #headerBytes = 2;
  #left = 0;
  #phase = 0;

  /** Changes the bytes in place. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) at = this.#left > 0 ? this.#unmask(chunk, at) : this.#readHeader(chunk, at);
  }

  #unmask(chunk: Uint8Array, from: number): number {
    const end = Math.min(chunk.length, from + this.#left);
    const mask = this.#mask;
    let phase = this.#phase;
    for (let at = from; at < end; at += 1) {
      chunk[at] = (chunk[at] ?? 0) ^ (mask[phase] ?? 0);
      phase = (phase + 1) & 3;
    }
    this.#phase = phase;
    this.#left -= end - from;
    return end;
  }

  #readHeader(chunk: Uint8Array, at: number): number {
    const header = this.#header;
    header.push(chunk[at] ?? 0);
    if (header.length === 2) this.#headerBytes = 2 + lengthBytes(header) + (isMasked(header) ? MASK_BYTES : 0);
    // The mask is a header's end.
    const place = header.length - 3 - lengthBytes(header);
    if (place >= 0) {
      this.#mask[place] = chunk[at] ?? 0;
      chunk[at] = 0;
    }
    if (header.length >= 2 && header.length === this.#headerBytes) this.#beginPayload();
    return at + 1;
  }

  #beginPayload(): void {
    const header = this.#header;
    const extended = header.slice(2, 2 + lengthBytes(header));
    const length =
      extended.length === 0 ? (header[1] ?? 0) & LENGTH_BITS : extended.reduce((sum, byte) => sum * 256 + byte, 0);
    if (!isMasked(header)) this.#mask.fill(0);
    this.#left = length;
    this.#phase = 0;
    header.length = 0;
    this.#headerBytes = 2;
  }
}

function isMasked(header: readonly number[]): boolean {
  return ((header[1] ?? 0) & MASK_BIT) !== 0;
}

/** How many bytes after the first two hold the length. */
function lengthBytes(header: readonly number[]): number {
  const short = (header[1] ?? 0) & LENGTH_BITS;
  if (short === LENGTH_IN_8) return 8;
  return short === LENGTH_IN_2 ? 2 : 0;
}
