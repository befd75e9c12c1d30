import type { Message, Range } from "./message.js";
import type { Sendable } from "./seats.js";

/** A cancellation is small. */
const MAX_PARSED_BYTES = 1 << 16;

interface Cancellation {
  readonly params?: Readonly<Record<string, unknown>> & { readonly requestId?: unknown };
}

/** A part of a message as text. */
export function textOf(message: Message, range: Range): string {
  return Buffer.concat(message.slice(range)).toString();
}

export function sendable(parts: readonly Buffer[]): Sendable {
  return { parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) };
}

/** The message with another id, whose bytes are all that changes. */
export function withId(message: Message, id: string): Sendable {
  const range = message.envelope.id;
  return range === null ? message : sendable(message.withReplaced(range, id));
}

/**
 * A cancellation names a request by the id that its client gave it: with the id that `agentIdOf` knows for it, as it is
 * where that says null. Null where it says undefined, or for one that is too large: it cancels nothing of its client.
 */
export function cancellation(
  message: Message,
  agentIdOf: (idKey: string) => string | null | undefined,
): Sendable | null {
  if (message.bytes > MAX_PARSED_BYTES) return null;
  const value = message.value({ start: 0, end: message.bytes }) as Cancellation;
  const requestId = value.params?.requestId;
  const agentId = agentIdOf(`${typeof requestId} ${String(requestId)}`);
  if (agentId === undefined) return null;
  if (agentId === null) return message;
  const renamed: Cancellation = { ...value, params: { ...value.params, requestId: JSON.parse(agentId) as unknown } };
  return sendable([Buffer.from(JSON.stringify(renamed))]);
}
