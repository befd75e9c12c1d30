import { client, type ClientConnection, methods, type SessionNotification } from "@agentclientprotocol/sdk";
import { createWebSocketStream, type WebSocketConstructor } from "@agentclientprotocol/sdk/experimental/ws-client";
import { WebSocket } from "ws";

import { PASSWORD } from "./gateway-process.js";

/** A client of the official SDK on the gateway's WebSocket, which allows what it is asked to. */
export interface AcpClient {
  readonly connection: ClientConnection;
  /** What the agent told about its work, in order. */
  readonly updates: SessionNotification["update"][];
  /** The titles of the tool calls that permission was asked for. */
  readonly permissions: string[];
}

/** How a client comes in, and what it does when it is asked for a permission; it grants it by default. */
export interface AcpOptions {
  readonly password?: string;
  readonly onPermission?: () => void;
}

export function connectAcp(url: string, options: AcpOptions = {}): AcpClient {
  const updates: AcpClient["updates"] = [];
  const permissions: string[] = [];
  const app = client({ name: "gateway-test" })
    .onRequest(methods.client.session.requestPermission, ({ params }) => {
      permissions.push(params.toolCall.title ?? "");
      options.onPermission?.();
      const allowed = params.options.find(({ kind }) => kind === "allow_once");
      if (allowed === undefined) return { outcome: { outcome: "cancelled" } };
      return { outcome: { outcome: "selected", optionId: allowed.optionId } };
    })
    .onNotification(methods.client.session.update, ({ params }) => {
      updates.push(params.update);
    });
  const stream = createWebSocketStream(url, {
    headers: { authorization: `Bearer ${options.password ?? PASSWORD}` },
    WebSocket: WebSocket as unknown as WebSocketConstructor,
  });
  return { connection: app.connect(stream), updates, permissions };
}

/** What the agent's messages said, joined. */
export function spoken({ updates }: AcpClient): string {
  return updates
    .map((update) =>
      update.sessionUpdate === "agent_message_chunk" && update.content.type === "text" ? update.content.text : "",
    )
    .join("");
}
