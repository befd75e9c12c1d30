import type { IncomingMessage, ServerResponse } from "node:http";

import { bears } from "./authentication.js";
import { ACP_PATH, type Doorway, type Refusal, requestPath } from "./handshake.js";
import type { Metrics } from "./metrics.js";

/** What the probes and the metrics are answered from. */
export interface HttpContext {
  readonly doorway: () => Doorway;
  readonly metrics: Metrics;
  readonly metricsToken: string | null;
  readonly places: () => { readonly connections: number; readonly limit: number };
  /** Why no agent could be started now, or null. */
  readonly obstacle: () => Promise<string | null>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Answers everything that is not a WebSocket. */
export async function answerHttp(
  request: IncomingMessage,
  response: ServerResponse,
  context: HttpContext,
): Promise<void> {
  const answer = await route(request, context);
  response.writeHead(answer.status, {
    "Content-Type": answer.type,
    "Content-Length": Buffer.byteLength(answer.body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    // A body is not wanted, and not waited for.
    ...(hasBody(request) ? { Connection: "close" } : {}),
    ...answer.headers,
  });
  response.end(request.method === "HEAD" ? undefined : answer.body);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || (headers["content-length"] ?? "0") !== "0";
}

async function route(request: IncomingMessage, context: HttpContext): Promise<Answer> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return refusalAnswer({ status: 405, text: "only GET is served", headers: { Allow: "GET, HEAD" } });
  }
  switch (requestPath(request)) {
    case "/healthz":
      return json(200, { status: "ok" });
    case "/readyz":
      return readiness(context);
    case "/metrics":
      return metricsAnswer(request, context);
    case ACP_PATH:
      return refusalAnswer({ status: 426, text: "this is a WebSocket", headers: { Upgrade: "websocket" } });
    default:
      return refusalAnswer({ status: 404, text: "not found" });
  }
}

/** Being full is not being unready: the container's other services would lose their traffic with this one. */
async function readiness(context: HttpContext): Promise<Answer> {
  const obstacle = context.doorway().shuttingDown ? "the gateway is shutting down" : await context.obstacle();
  const places = context.places();
  return obstacle === null ? json(200, { status: "ready", ...places }) : json(503, { status: "not ready", obstacle });
}

/** The login, which grants a shell, is not asked for, and does not do. */
function metricsAnswer({ headers }: IncomingMessage, { metrics, metricsToken }: HttpContext): Answer {
  if (metricsToken === null) {
    return refusalAnswer({ status: 403, text: "no metrics are served without ACP_GATEWAY_METRICS_TOKEN" });
  }
  if (!bears(headers, metricsToken)) {
    metrics.reject("unauthorized");
    const challenge = 'Bearer realm="acp-gateway metrics"';
    return refusalAnswer({
      status: 401,
      text: "the metrics' token is needed",
      headers: { "WWW-Authenticate": challenge },
    });
  }
  return { status: 200, body: metrics.render(), type: "text/plain; version=0.0.4; charset=utf-8" };
}

function json(status: number, value: Readonly<Record<string, unknown>>): Answer {
  return { status, body: `${JSON.stringify(value)}\n`, type: "application/json" };
}

function refusalAnswer({ status, text, headers }: Refusal): Answer {
  return {
    status,
    body: `${text}\n`,
    type: "text/plain; charset=utf-8",
    ...(headers === undefined ? {} : { headers }),
  };
}
