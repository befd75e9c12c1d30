import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";

import type { Refusal } from "./handshake.js";

/** Answers a request to open a WebSocket with an HTTP status. */
export function refuse(socket: Duplex, refusal: Refusal): void {
  const body = `${refusal.text}\n`;
  const headers = {
    Connection: "close",
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": String(Buffer.byteLength(body)),
    ...refusal.headers,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  const status = `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ""}`;
  socket.once("finish", () => socket.destroy());
  socket.end([status, ...lines, "", body].join("\r\n"));
}
