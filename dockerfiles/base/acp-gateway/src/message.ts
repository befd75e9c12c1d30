import { isUtf8 } from "node:buffer";

/** What is wrong with text that should be one message, with the answer that JSON-RPC has for it. */
export interface MessageProblem {
  readonly reason: string;
  readonly answer: string;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

const NOT_JSON = problem("the message is not JSON", -32700, "Parse error");
const NOT_A_MESSAGE = problem("the message is not a JSON-RPC 2.0 object", -32600, "Invalid request");

function problem(reason: string, code: number, message: string): MessageProblem {
  return { reason, answer: JSON.stringify({ jsonrpc: "2.0", id: null, error: { code, message } }) };
}

/** Checks that a client's text is one JSON-RPC message, whatever its method; null when it is. */
export function checkMessage(text: Buffer): MessageProblem | null {
  let value: unknown;
  try {
    value = JSON.parse(text.toString("utf8"));
  } catch {
    return NOT_JSON;
  }
  return isMessage(value) ? null : NOT_A_MESSAGE;
}

/** ACP has no batches: an array is no message. */
function isMessage(value: unknown): boolean {
  return typeof value === "object" && value !== null && "jsonrpc" in value && value.jsonrpc === "2.0";
}

/**
 * Makes a checked message fit one line: JSON allows line breaks between its tokens, where a blank means the same (inside
 * strings they are written as escapes). A message without any is returned as it is, byte for byte.
 */
export function asLine(message: Buffer): Buffer {
  if (!message.includes(LINE_FEED) && !message.includes(CARRIAGE_RETURN)) return message;
  const line = Buffer.from(message);
  for (let index = 0; index < line.length; index += 1) {
    if (line[index] === LINE_FEED || line[index] === CARRIAGE_RETURN) line[index] = SPACE;
  }
  return line;
}

/**
 * Whether a line of the agent can be a message: an object in UTF-8, which a text frame must be. The agent is trusted with
 * the rest; what this keeps out is text that some library printed to stdout.
 */
export function isMessageLine(line: Buffer): boolean {
  const trimmed = trimBlanks(line);
  return trimmed.at(0) === OPEN_BRACE && trimmed.at(-1) === CLOSE_BRACE && isUtf8(line);
}

function trimBlanks(line: Buffer): Buffer {
  let start = 0;
  let end = line.length;
  while (start < end && isBlank(line[start])) start += 1;
  while (end > start && isBlank(line[end - 1])) end -= 1;
  return line.subarray(start, end);
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === 0x09 || byte === CARRIAGE_RETURN;
}
