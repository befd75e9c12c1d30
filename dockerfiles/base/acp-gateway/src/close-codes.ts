/** The WebSocket close codes that the gateway sends (RFC 6455, section 7.4, and IANA's registry). */
export const CLOSE = {
  /** The gateway is shutting down. */
  GOING_AWAY: 1001,
  /** A binary frame: ACP's transport knows text frames only. */
  UNSUPPORTED_DATA: 1003,
  /** Text that is not one JSON-RPC message. */
  INVALID_PAYLOAD: 1007,
  /** Not logged in, or nothing was sent for too long. */
  POLICY_VIOLATION: 1008,
  /** A message over the limit; `ws` closes with it by itself. */
  TOO_BIG: 1009,
  /** The agent ended, could not be started, or does not read. */
  INTERNAL_ERROR: 1011,
  /** All of the container's agents are in use. */
  TRY_AGAIN_LATER: 1013,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];

/** A close frame carries at most 125 bytes, two of which are the code. */
const MAX_REASON_BYTES = 123;

/** Cuts a reason to what a close frame can carry, never inside a character. */
export function closeReason(text: string): string {
  let reason = text;
  while (Buffer.byteLength(reason) > MAX_REASON_BYTES) reason = Array.from(reason).slice(0, -1).join("");
  return reason;
}
