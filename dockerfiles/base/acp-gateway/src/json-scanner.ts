import { ACTION, NEXT, PLAIN, SCALAR, STATE } from "./json-grammar.js";

/** A part of a message, from its byte `start` to before its byte `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** What is told of the text that is scanned: members of the top-level object and of the objects right in it. */
export interface ScanEvents {
  /** A member is complete; `key` and `value` are where they stand, quotes included. `depth` is 1 or 2. */
  readonly onMember: (depth: number, key: Range, value: Range) => void;
  /** A list's element that is an object is complete, of a text that is a list. */
  readonly onElement: (value: Range) => void;
}

const OBJECT_OPEN = 0x7b;
const OBJECT_CLOSE = 0x7d;
const BLANK = 0x20;
const DEEPEST_MEMBER = 2;

/** Where the member that is being read begins. */
interface Member {
  key: Range;
  start: number;
  end: number;
}

const NOWHERE: Range = { start: 0, end: 0 };

/**
 * Checks that bytes are one JSON text in UTF-8, in as many pieces as they come in. Its cost is linear and it keeps one bit
 * a level of nesting. Line breaks between tokens become blanks in the given bytes, since a line break ends a message on
 * stdio (inside strings they are written as escapes).
 */
export class JsonScanner {
  readonly #events: ScanEvents;
  #state: number = STATE.VALUE;
  #depth = 0;
  /** One bit a level: whether it is an object. */
  #objects = new Uint8Array(16);
  #inKey = false;
  #isList = false;
  #opened = false;
  #scanned = 0;
  #token = 0;
  #element = 0;
  readonly #members: readonly Member[] = [0, 1, 2].map(() => ({ key: NOWHERE, start: 0, end: 0 }));

  constructor(events: ScanEvents) {
    this.#events = events;
  }

  /** Whether what was scanned is one whole value that is an object or a list. */
  get complete(): boolean {
    return this.#opened && this.#state === STATE.AFTER && this.#depth === 0;
  }

  /** Whether the text began with a bracket. */
  get isList(): boolean {
    return this.#isList;
  }

  /** Scans on. False: the text is no JSON, and the scanner can't be used any more. */
  push(chunk: Uint8Array): boolean {
    const base = this.#scanned;
    const { length } = chunk;
    let state = this.#state;
    for (let index = 0; index < length; index += 1) {
      if (state === STATE.STRING) index = afterPlain(chunk, index);
      if (index === length) break;
      const next = NEXT[(state << 8) | (chunk[index] ?? 0)] ?? ACTION.WRONG;
      if (next < ACTION.WRONG) {
        state = next;
      } else if (next === ACTION.BREAK) {
        chunk[index] = BLANK;
        index -= 1;
      } else {
        state = this.#act(next, base + index, chunk[index] ?? 0);
        if (state === ACTION.WRONG) return false;
      }
    }
    this.#state = state;
    this.#scanned = base + chunk.length;
    return true;
  }

  /** Does what a byte asks for, and returns the next state. */
  #act(action: number, at: number, byte: number): number {
    switch (action) {
      case ACTION.OPEN:
        return this.#open(at, byte === OBJECT_OPEN);
      case ACTION.CLOSE:
        return this.#close(at, byte === OBJECT_CLOSE);
      case ACTION.COMMA:
        return this.#comma(at);
      case ACTION.KEY:
        this.#inKey = true;
        this.#token = at;
        return STATE.STRING;
      case ACTION.VALUE_STRING:
        // A text that is only a string is no message.
        if (this.#depth === 0) return ACTION.WRONG;
        this.#begin(at);
        return STATE.STRING;
      case ACTION.KEY_OR_VALUE_END:
        return this.#endString(at);
      case ACTION.VALUE_SCALAR:
        this.#begin(at);
        return SCALAR[byte] ?? ACTION.WRONG;
      case ACTION.NUMBER_END:
        this.#end(at);
        return STATE.AFTER;
      default:
        return ACTION.WRONG;
    }
  }

  #open(at: number, isObject: boolean): number {
    this.#begin(at);
    if (this.#depth === 0) {
      this.#opened = true;
      this.#isList = !isObject;
    }
    if (this.#depth === 1) this.#element = at;
    this.#depth += 1;
    const place = this.#depth >> 3;
    if (place >= this.#objects.length) {
      const larger = new Uint8Array(this.#objects.length * 2);
      larger.set(this.#objects);
      this.#objects = larger;
    }
    const bit = 1 << (this.#depth & 7);
    this.#objects[place] = isObject ? (this.#objects[place] ?? 0) | bit : (this.#objects[place] ?? 0) & ~bit;
    return isObject ? STATE.FIRST_KEY : STATE.FIRST;
  }

  #close(at: number, isObject: boolean): number {
    if (this.#depth === 0 || this.#isObject !== isObject) return ACTION.WRONG;
    this.#finish(at);
    this.#depth -= 1;
    this.#end(at + 1);
    if (this.#depth === 1 && this.#isList && isObject) this.#events.onElement({ start: this.#element, end: at + 1 });
    return STATE.AFTER;
  }

  #comma(at: number): number {
    if (this.#depth === 0) return ACTION.WRONG;
    this.#finish(at);
    return this.#isObject ? STATE.KEY : STATE.VALUE;
  }

  #endString(at: number): number {
    if (!this.#inKey) {
      this.#end(at + 1);
      return STATE.AFTER;
    }
    this.#inKey = false;
    const member = this.#member;
    if (member !== undefined) {
      member.key = { start: this.#token, end: at + 1 };
      member.end = 0;
    }
    return STATE.COLON;
  }

  get #isObject(): boolean {
    return ((this.#objects[this.#depth >> 3] ?? 0) & (1 << (this.#depth & 7))) !== 0;
  }

  /** The member that is being read, unless it is nested too deeply to be told of. */
  get #member(): Member | undefined {
    return this.#depth <= DEEPEST_MEMBER ? this.#members[this.#depth] : undefined;
  }

  #begin(at: number): void {
    const member = this.#member;
    if (member !== undefined) member.start = at;
  }

  #end(at: number): void {
    const member = this.#member;
    if (member !== undefined) member.end = at;
  }

  /** A comma or a closing brace ends a member; a number or a literal that nothing else ended, too. */
  #finish(at: number): void {
    const member = this.#member;
    if (member === undefined || !this.#isObject || member.key === NOWHERE) return;
    const { key, start } = member;
    this.#events.onMember(this.#depth, key, { start, end: member.end > start ? member.end : at });
    member.key = NOWHERE;
  }
}

/** Where a string's plain part ends: most of a large message is inside of strings. */
function afterPlain(chunk: Uint8Array, from: number): number {
  const { length } = chunk;
  let index = from;
  while (index < length && PLAIN[chunk[index] ?? 0] === 1) index += 1;
  return index;
}
