/** One message that went, or should have gone, to the clients of a session. */
export interface LogEntry {
  readonly sequence: number;
  /** Null: of no session that is known. */
  readonly sessionId: string | null;
  readonly parts: readonly Buffer[];
}

interface Kept extends LogEntry {
  readonly bytes: number;
}

/** What an agent said lately, as far as a client may not have it; the oldest go first when it is too much. */
export class ReplayLog {
  readonly #maxBytes: number;
  #entries: Kept[] = [];
  #bytes = 0;
  #next = 1;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The number of the last message. */
  get last(): number {
    return this.#next - 1;
  }

  /** Keeps a message, and returns its number. */
  push(sessionId: string | null, parts: readonly Buffer[]): number {
    const bytes = parts.reduce((sum, part) => sum + part.length, 0);
    const sequence = this.#next;
    this.#next += 1;
    this.#entries.push({ sequence, sessionId, parts: own(parts, bytes), bytes });
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) this.#drop();
    return sequence;
  }

  /** Forgets what all clients have. */
  trim(confirmed: number): void {
    const index = this.#entries.findIndex(({ sequence }) => sequence > confirmed);
    const gone = this.#entries.splice(0, index === -1 ? this.#entries.length : index);
    for (const { bytes } of gone) this.#bytes -= bytes;
  }

  /** What came after a message for a session, and how much of all that came after it is not kept any more. */
  since(sequence: number, sessionId: string): { readonly entries: LogEntry[]; readonly dropped: number } {
    const oldest = this.#entries[0]?.sequence ?? this.#next;
    const entries = this.#entries.filter(
      (entry) => entry.sequence > sequence && (entry.sessionId === sessionId || entry.sessionId === null),
    );
    return { entries, dropped: Math.max(0, oldest - sequence - 1) };
  }

  #drop(): void {
    const oldest = this.#entries.shift();
    if (oldest !== undefined) this.#bytes -= oldest.bytes;
  }
}

/** A small message would keep the large piece of memory that it was read in. */
function own(parts: readonly Buffer[], bytes: number): readonly Buffer[] {
  const memory = parts.reduce((sum, part) => sum + part.buffer.byteLength, 0);
  return memory > 2 * bytes ? [Buffer.concat(parts)] : parts;
}
