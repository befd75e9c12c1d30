import type { WebSocket } from "ws";

import type { Sendable } from "./seats.js";

/** Pieces of a message up to this size cost less joined than sent one by one. */
const JOINED_BYTES = 1 << 20;

/** Sends a message as one text; a large one in the pieces that it came in, without copying them. */
export function sendMessage(socket: WebSocket, message: Sendable, done: (error?: Error | null) => void): void {
  const parts = message.bytes > JOINED_BYTES ? message.parts : [Buffer.concat(message.parts)];
  parts.forEach((part, index) => {
    if (index < parts.length - 1) socket.send(part, { binary: false, fin: false });
    else socket.send(part, { binary: false }, done);
  });
}
