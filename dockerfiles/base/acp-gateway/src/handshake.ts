import type { IncomingMessage } from "node:http";

import { CHALLENGE, offeredSubprotocols, SUBPROTOCOL } from "./authentication.js";
import { CLOSE, type CloseCode } from "./close-codes.js";
import type { Rejection } from "./metrics.js";
import { isOriginAllowed, namesLoopback } from "./origin.js";
import type { Login } from "./settings.js";

/** The path of ACP's transport. */
export const ACP_PATH = "/acp";

/** What a request to open a WebSocket comes to. */
export type Verdict =
  | { readonly kind: "accept" }
  | { readonly kind: "refuse"; readonly rejection: Rejection; readonly refusal: Refusal }
  | { readonly kind: "close"; readonly rejection: Rejection; readonly code: CloseCode; readonly reason: string };

/** An HTTP answer that says no. */
export interface Refusal {
  readonly status: number;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the verdict depends on beside the request. */
export interface Doorway {
  readonly login: Login | null;
  readonly allowedOrigins: ReadonlySet<string>;
  readonly shuttingDown: boolean;
  readonly hasPlace: boolean;
}

/** The path of a request, without its query. */
export function requestPath(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] ?? "";
}

/** Whether a request asks for what the gateway upgrades to; any other `Upgrade`, as `h2c`, is answered as plain HTTP. */
export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === "websocket" && requestPath(request) === ACP_PATH;
}

/** Who may not connect; null for who may. */
function accessRefusal(
  request: IncomingMessage,
  doorway: Doorway,
  loggedIn: boolean,
): (Verdict & { kind: "refuse" }) | null {
  const { headers } = request;
  if (doorway.login === null && !namesLoopback(headers)) {
    return refuse("host", { status: 403, text: "no token is set, so only loopback is served" });
  }
  if (!isOriginAllowed(headers, doorway.allowedOrigins)) {
    return refuse("origin", { status: 403, text: "the origin is not allowed" });
  }
  if (!loggedIn) {
    return refuse("unauthorized", {
      status: 401,
      text: "a token is needed",
      headers: { "WWW-Authenticate": CHALLENGE },
    });
  }
  return null;
}

/**
 * Decides about a request to open a WebSocket. A program sees the HTTP status of a refusal; a page sees nothing of it,
 * so one that offers the subprotocol gets the WebSocket and a close code instead.
 */
export function judgeHandshake(request: IncomingMessage, doorway: Doorway, loggedIn: boolean): Verdict {
  if (doorway.shuttingDown) return refuse("shutting_down", { status: 503, text: "the gateway is shutting down" });
  const refusal = accessRefusal(request, doorway, loggedIn);
  if (refusal?.rejection === "unauthorized" && offeredSubprotocols(request.headers).includes(SUBPROTOCOL)) {
    return { kind: "close", rejection: "unauthorized", code: CLOSE.POLICY_VIOLATION, reason: "a token is needed" };
  }
  if (refusal !== null) return refusal;
  if (!doorway.hasPlace) {
    const reason = "all agents that fit in this container are in use";
    return { kind: "close", rejection: "limit", code: CLOSE.TRY_AGAIN_LATER, reason };
  }
  return { kind: "accept" };
}

function refuse(rejection: Rejection, refusal: Refusal): Verdict & { kind: "refuse" } {
  return { kind: "refuse", rejection, refusal };
}
