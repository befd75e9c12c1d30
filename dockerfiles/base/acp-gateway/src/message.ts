import { JsonScanner, type Range } from "./json-scanner.js";

export type { Range } from "./json-scanner.js";

/** What a message is, as far as routing needs it. */
export interface Envelope {
  readonly kind: "request" | "response" | "notification" | "other";
  readonly isVersion2: boolean;
  /** Whether a member that routing needs is there twice: two readers may take different ones. */
  readonly isAmbiguous: boolean;
  /** Where the id stands. */
  readonly id: Range | null;
  /** The same for ids that JSON holds for equal, such as 1 and 1.0; null where there is none, or null. */
  readonly idKey: string | null;
  readonly method: string | null;
  /** Of its params, or of an answer's result. */
  readonly sessionId: string | null;
  readonly params: Range | null;
  readonly result: Range | null;
  readonly error: Range | null;
}

/** One JSON-RPC message, as it came. */
export class Message {
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly envelope: Envelope;

  constructor(parts: readonly Buffer[], envelope: Envelope) {
    this.parts = parts;
    this.bytes = parts.reduce((sum, part) => sum + part.length, 0);
    this.envelope = envelope;
  }

  /** The bytes of a part of it. */
  slice(range: Range): Buffer[] {
    return sliced(this.parts, range);
  }

  /** The value of a part of it, which has to be small: it is parsed. */
  value(range: Range): unknown {
    return JSON.parse(Buffer.concat(this.slice(range)).toString("utf8"));
  }

  /** The same message with other bytes in the place of a part. The others are not copied. */
  withReplaced(range: Range, replacement: string): Buffer[] {
    return [
      ...this.slice({ start: 0, end: range.start }),
      Buffer.from(replacement),
      ...this.slice({ start: range.end, end: this.bytes }),
    ];
  }
}

/** What is wrong with text that should be one message, with the answer that JSON-RPC has for it. */
export interface MessageProblem {
  readonly reason: string;
  readonly answer: string;
}

export const NOT_JSON = problem("the message is not JSON", -32700, "Parse error");
export const AMBIGUOUS = problem("a member is there twice", -32600, "Invalid request: a member is there twice");
export const NOT_A_MESSAGE = problem("the message is not a JSON-RPC 2.0 object", -32600, "Invalid request");
/** ACP has no batches. */
export const BATCH_REFUSED = problem("a batch is refused", -32600, "Batches are not served: send each message alone");

function problem(reason: string, code: number, message: string): MessageProblem {
  return { reason, answer: JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } }) };
}

/** What a text turned out to be. */
export type Scanned =
  | { readonly kind: "message"; readonly message: Message }
  | { readonly kind: "batch"; readonly messages: readonly Message[] }
  | { readonly kind: "not_json" }
  | { readonly kind: "not_a_message" };

/** Longer keys, ids and names than these are none that routing knows. */
const MAX_KEY_BYTES = 64;
const MAX_VALUE_BYTES = 4096;
/** Elements of a batch that are looked at. */
const MAX_ELEMENTS = 1000;

const EMPTY = Buffer.alloc(0);

const TOP_KEYS = ["jsonrpc", "id", "method", "params", "result", "error"] as const;
type TopKey = (typeof TOP_KEYS)[number];

/** Scans the bytes of one message as they come. */
export class MessageScanner {
  readonly #parts: Buffer[] = [];
  readonly #members = new Map<TopKey, Range>();
  readonly #elements: Range[] = [];
  readonly #sessionIds = new Map<TopKey, Range>();
  #inner: Range | null = null;
  #isAmbiguous = false;
  #failed = false;
  readonly #scanner = new JsonScanner({
    onMember: (depth, key, value) => {
      this.#take(depth, key, value);
    },
    onElement: (value) => {
      if (this.#elements.length < MAX_ELEMENTS) this.#elements.push(value);
    },
  });

  /** Scans on; false once the bytes can be no JSON any more. Line breaks between tokens become blanks. */
  push(part: Buffer): boolean {
    if (this.#failed) return false;
    this.#keep(part);
    this.#failed = !this.#scanner.push(part);
    return !this.#failed;
  }

  /** What all of it is. */
  finish(): Scanned {
    if (this.#failed || !this.#scanner.complete) return { kind: this.#isScalar() ? "not_a_message" : "not_json" };
    if (!this.#scanner.isList) return { kind: "message", message: new Message(this.#parts, this.#envelope()) };
    return { kind: "batch", messages: this.#elements.map((range) => rescan(sliced(this.#parts, range))) };
  }

  /** Pieces that lie side by side in memory are one. */
  #keep(part: Buffer): void {
    const last = this.#parts.at(-1);
    if (last?.buffer === part.buffer && last.byteOffset + last.length === part.byteOffset) {
      this.#parts[this.#parts.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + part.length);
    } else if (part.length > 0) {
      this.#parts.push(part);
    }
  }

  #take(depth: number, keyRange: Range, value: Range): void {
    const key = this.#key(keyRange);
    if (depth > 1) {
      if (key !== "sessionId") return;
      this.#isAmbiguous ||= this.#inner !== null;
      this.#inner = value;
      return;
    }
    const known = TOP_KEYS.find((name) => name === key);
    if (known !== undefined) {
      this.#isAmbiguous ||= this.#members.has(known);
      this.#members.set(known, value);
      if (this.#inner === null) this.#sessionIds.delete(known);
      else this.#sessionIds.set(known, this.#inner);
    }
    this.#inner = null;
  }

  /** A key that is short enough to matter. Few have escapes. */
  #key(range: Range): string | null {
    if (range.end - range.start > MAX_KEY_BYTES) return null;
    const [part = EMPTY, ...more] = sliced(this.#parts, range);
    const text = (more.length === 0 ? part : Buffer.concat([part, ...more])).toString("latin1");
    return text.includes("\\") ? (JSON.parse(text) as string) : text.slice(1, -1);
  }

  #envelope(): Envelope {
    const { id = null, params = null, result = null, error = null } = Object.fromEntries(this.#members);
    const method = this.#text(this.#members.get("method"), MAX_VALUE_BYTES);
    const idKey = this.#idKey(id);
    const isAnswer = result !== null || error !== null;
    const kind =
      method !== null ? (id === null ? "notification" : "request") : idKey !== null && isAnswer ? "response" : "other";
    return {
      kind,
      isVersion2: this.#text(this.#members.get("jsonrpc"), MAX_VALUE_BYTES) === "2.0",
      isAmbiguous: this.#isAmbiguous,
      id,
      idKey,
      method,
      sessionId: this.#text(this.#sessionIds.get(method === null ? "result" : "params"), MAX_VALUE_BYTES),
      params,
      result,
      error,
    };
  }

  #idKey(range: Range | null): string | null {
    const value = this.#value(range, MAX_VALUE_BYTES);
    return typeof value === "string" || typeof value === "number" ? `${typeof value} ${value}` : null;
  }

  /** A member's text, or null where it is none, or longer than what is looked at. */
  #text(range: Range | null | undefined, maxBytes: number): string | null {
    const value = this.#value(range, maxBytes);
    return typeof value === "string" ? value : null;
  }

  #value(range: Range | null | undefined, maxBytes: number): unknown {
    if (range === null || range === undefined || range.end - range.start > maxBytes) return null;
    return JSON.parse(Buffer.concat(sliced(this.#parts, range)).toString("utf8"));
  }

  /** A number, a text or a literal alone is JSON, and no message. */
  #isScalar(): boolean {
    const [only, ...others] = this.#parts;
    if (only === undefined || others.length > 0 || only.length > MAX_VALUE_BYTES) return false;
    try {
      const value: unknown = JSON.parse(only.toString("utf8"));
      return typeof value !== "object" || value === null;
    } catch {
      return false;
    }
  }
}

/** An element of a batch was scanned with the batch: this only finds its members. */
function rescan(parts: readonly Buffer[]): Message {
  const scanner = new MessageScanner();
  for (const part of parts) scanner.push(part);
  const scanned = scanner.finish();
  if (scanned.kind !== "message") throw new Error("an object of a scanned list is no object");
  return scanned.message;
}

function sliced(parts: readonly Buffer[], { start, end }: Range): Buffer[] {
  const found: Buffer[] = [];
  let offset = 0;
  for (const part of parts) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, part.length);
    if (from < to) found.push(part.subarray(from, to));
    offset += part.length;
  }
  return found;
}
