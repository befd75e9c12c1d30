import type { Message, Range } from "./message.js";

/**
 * What the gateway says beyond ACP. Names that begin with an underscore are for extensions; clients may ignore its
 * notifications.
 */
export const TAKE_CONTROL = "_codeopen/control/take";

/** JSON-RPC leaves -32000 to -32099 to servers. */
export const NOT_IN_CONTROL = -32010;
export const DRAINING = -32011;

export const OBSERVES = `another client controls this agent; ${TAKE_CONTROL} takes control`;

export function notification(method: string, params: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ jsonrpc: "2.0", method, params });
}

/** Whether this client controls the agent: its requests are served, those of observers are refused. */
export function control(controls: boolean): string {
  return notification("_codeopen/control", controls ? { controls } : { controls, take: TAKE_CONTROL });
}

/** Comes first when a client is back: what it missed follows. `dropped` messages did not fit in what was kept. */
export function replay(sessionId: string, messages: number, dropped: number, turnRuns: boolean): string {
  const advice = dropped > 0 ? { advice: "session/load tells the session from its beginning" } : {};
  return notification("_codeopen/replay", { sessionId, messages, dropped, turnRuns, ...advice });
}

/** A turn ended with the gateway or the agent; nothing more comes of it. */
export function turnLost(sessionId: string): string {
  const reason = "the agent ended during the last turn of this session; what it did until then is kept";
  return notification("_codeopen/turn_lost", { sessionId, reason });
}

export function draining(seconds: number): string {
  return notification("_codeopen/draining", { seconds, reason: "the gateway stops when the running turn ends" });
}

/** Tells the other clients of a session, or the one that is back, how a turn ended: the answer to the prompt. */
export function turnEnded(sessionId: string, answer: Message): Buffer[] {
  const { result, error } = answer.envelope;
  const range: Range | null = result ?? error;
  const name = result === null ? "error" : "result";
  const head = `{"jsonrpc":"2.0","method":"_codeopen/turn_ended","params":{"sessionId":${JSON.stringify(sessionId)}`;
  if (range === null) return [Buffer.from(`${head}}}`)];
  return [Buffer.from(`${head},"${name}":`), ...answer.slice(range), Buffer.from("}}")];
}

/** The raw JSON of an id in the answer to its request. */
export function answerText(id: string, result: string): string {
  return `{"jsonrpc":"2.0","id":${id},"result":${result}}`;
}

export function refusal(id: string, code: number, message: string, data?: Readonly<Record<string, unknown>>): string {
  const error = JSON.stringify({ code, message, ...(data === undefined ? {} : { data }) });
  return `{"jsonrpc":"2.0","id":${id},"error":${error}}`;
}

export function cancelRequest(id: string): string {
  return `{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":${id}}}`;
}
