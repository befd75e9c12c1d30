/**
 * JSON in UTF-8 as a table: for each state and byte the next state, or an action that the scanner takes. With it a text
 * is checked in one pass over its bytes, in as many pieces as wanted, without recursion and without building its value.
 */

/** What a scanner does at a byte, beside going to another state. */
export const ACTION = {
  WRONG: 128,
  OPEN: 129,
  CLOSE: 130,
  COMMA: 133,
  KEY: 134,
  KEY_OR_VALUE_END: 135,
  VALUE_STRING: 136,
  /** The first byte of a number or a literal that a key has. */
  VALUE_SCALAR: 137,
  /** A blank after a number. */
  NUMBER_END: 138,
  /** A line break between tokens. */
  BREAK: 139,
} as const;

/** What can come next. */
export const STATE = {
  /** A value: of the whole text, or the next one of a list. */
  VALUE: 0,
  /** The value of a key. */
  MEMBER: 1,
  /** The first value of a list, or its end. */
  FIRST: 2,
  /** The first key of an object, or its end. */
  FIRST_KEY: 3,
  KEY: 4,
  COLON: 5,
  /** A comma, or the end of what holds the value. */
  AFTER: 6,
  STRING: 7,
} as const;

const BLANK = 0x20;
const TAB = 0x09;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const STATES = 64;

type Cell = readonly [from: number, to: number, next: number];

class Table {
  readonly cells = new Uint8Array(STATES * 256).fill(ACTION.WRONG);
  #states = STATE.STRING + 1;

  state(): number {
    this.#states += 1;
    return this.#states - 1;
  }

  /** From a state, with each byte of a range, to the next state or an action. */
  add(state: number, ...cells: readonly Cell[]): void {
    for (const [from, to, next] of cells) this.cells.fill(next, state * 256 + from, state * 256 + to + 1);
  }

  on(state: number, text: string, next: number): void {
    for (const byte of Buffer.from(text)) this.add(state, [byte, byte, next]);
  }
}

function strings(table: Table): void {
  const { STRING } = STATE;
  const escape = table.state();
  const hex = [table.state(), table.state(), table.state(), table.state()] as const;
  table.add(STRING, [0x20, 0x7f, STRING], [QUOTE, QUOTE, ACTION.KEY_OR_VALUE_END], [BACKSLASH, BACKSLASH, escape]);
  table.on(escape, '"\\/bfnrt', STRING);
  table.on(escape, "u", hex[0]);
  for (const [index, state] of hex.entries()) table.on(state, "0123456789abcdefABCDEF", hex[index + 1] ?? STRING);
  // UTF-8 without overlong forms, surrogates, or what is over U+10FFFF (RFC 3629, section 4).
  const [last, middle, third, e0, ed, f0, f4] = Array.from({ length: 7 }, () => table.state()) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  table.add(STRING, [0xc2, 0xdf, last], [0xe0, 0xe0, e0], [0xe1, 0xef, middle], [0xed, 0xed, ed]);
  table.add(STRING, [0xf0, 0xf0, f0], [0xf1, 0xf3, third], [0xf4, 0xf4, f4]);
  table.add(last, [0x80, 0xbf, STRING]);
  table.add(middle, [0x80, 0xbf, last]);
  table.add(third, [0x80, 0xbf, middle]);
  table.add(e0, [0xa0, 0xbf, last]);
  table.add(ed, [0x80, 0x9f, last]);
  table.add(f0, [0x90, 0xbf, middle]);
  table.add(f4, [0x80, 0x8f, middle]);
}

/** Numbers and literals: the state that each first byte leads to. */
function scalars(table: Table): ReadonlyMap<number, number> {
  const first = new Map<number, number>();
  for (const literal of ["true", "false", "null"]) {
    const states = Array.from(literal.slice(1), () => table.state());
    first.set(literal.charCodeAt(0), states[0] ?? 0);
    for (const [index, state] of states.entries()) {
      table.on(state, literal.charAt(index + 1), states[index + 1] ?? STATE.AFTER);
    }
  }
  const [minus, zero, whole, dot, fraction, e, sign, exponent] = Array.from({ length: 8 }, () => table.state()) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  table.on(minus, "0", zero);
  table.on(minus, "123456789", whole);
  table.on(whole, "0123456789", whole);
  table.on(dot, "0123456789", fraction);
  table.on(fraction, "0123456789", fraction);
  for (const state of [zero, whole]) table.on(state, ".", dot);
  for (const state of [zero, whole, fraction]) table.on(state, "eE", e);
  table.on(e, "+-", sign);
  for (const state of [e, sign, exponent]) table.on(state, "0123456789", exponent);
  for (const state of [zero, whole, fraction, exponent]) {
    ends(table, state);
    table.on(state, " \t", ACTION.NUMBER_END);
  }
  first.set("-".charCodeAt(0), minus);
  first.set("0".charCodeAt(0), zero);
  for (const digit of Buffer.from("123456789")) first.set(digit, whole);
  return first;
}

/** What may follow a value. */
function ends(table: Table, state: number): void {
  table.on(state, ",", ACTION.COMMA);
  table.on(state, "}", ACTION.CLOSE);
  table.on(state, "]", ACTION.CLOSE);
  table.on(state, "\n\r", ACTION.BREAK);
}

function build(): { readonly cells: Uint8Array; readonly first: Uint8Array } {
  const table = new Table();
  const { VALUE, MEMBER, FIRST, FIRST_KEY, KEY, COLON, AFTER } = STATE;
  for (const state of [VALUE, MEMBER, FIRST, FIRST_KEY, KEY, COLON, AFTER]) {
    table.add(state, [BLANK, BLANK, state], [TAB, TAB, state]);
    table.on(state, "\n\r", ACTION.BREAK);
  }
  strings(table);
  const first = new Uint8Array(256);
  for (const [byte, next] of scalars(table)) {
    first[byte] = next;
    for (const state of [VALUE, FIRST]) table.add(state, [byte, byte, next]);
    table.add(MEMBER, [byte, byte, ACTION.VALUE_SCALAR]);
  }
  for (const state of [VALUE, MEMBER, FIRST]) {
    table.on(state, "{", ACTION.OPEN);
    table.on(state, "[", ACTION.OPEN);
    table.on(state, '"', ACTION.VALUE_STRING);
  }
  table.on(FIRST, "]", ACTION.CLOSE);
  table.on(FIRST_KEY, "}", ACTION.CLOSE);
  for (const state of [FIRST_KEY, KEY]) table.on(state, '"', ACTION.KEY);
  table.on(COLON, ":", MEMBER);
  ends(table, AFTER);
  return { cells: table.cells, first };
}

const built = build();
/** `NEXT[state * 256 + byte]` is a state, or from ACTION.WRONG on an action. */
export const NEXT: Uint8Array = built.cells;
/** The state after the first byte of a number or a literal. */
export const SCALAR: Uint8Array = built.first;
/** 1 for the bytes that leave a string's state as it is. */
export const PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  NEXT[STATE.STRING * 256 + byte] === STATE.STRING ? 1 : 0,
);
