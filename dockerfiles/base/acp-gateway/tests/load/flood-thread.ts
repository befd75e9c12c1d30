/** Sends the worst legal message, and the next one when it has returned; says so each time. */
import { parentPort, workerData } from "node:worker_threads";

import { WebSocket } from "ws";

import { PASSWORD } from "../gateway-process.js";
import { worstMessage, type WorstShape } from "../worst-messages.js";

const BYTES = 16 << 20;

const { port, shape } = workerData as { readonly port: number; readonly shape: WorstShape };
const text = Buffer.from(worstMessage(shape, BYTES));
const socket = new WebSocket(`ws://127.0.0.1:${port}/acp`, {
  headers: { authorization: `Bearer ${PASSWORD}` },
  perMessageDeflate: false,
  maxPayload: 2 * BYTES,
});
const send = (): void => {
  socket.send(text, { binary: false });
};
socket.on("open", send);
socket.on("message", () => {
  parentPort?.postMessage("returned");
  send();
});
