import type { WebSocket } from "ws";

import type { Peer } from "./peer.js";

const NOTHING = Buffer.alloc(0);
/** The content of a ping that asks to confirm what came before it: its pong comes after the client has all of that. */
const CONFIRMATION = Buffer.from("confirm");
/** How long a client may take to answer when another one wants to know whether it lives. */
const ANSWER_MS = 3000;

/** What a client is known to have, and whether it lives, told by its pongs. */
export class Confirmations {
  readonly #socket: WebSocket;
  readonly #peer: Peer;
  /** Told when the client has confirmed what it was asked to, and what it is to be asked next. */
  #confirming: (() => void) | null = null;
  #next: (() => void) | null = null;
  readonly #onHeard = new Set<() => void>();

  constructor(socket: WebSocket, peer: Peer) {
    this.#socket = socket;
    this.#peer = peer;
    socket.on("pong", (content) => {
      if (!content.equals(CONFIRMATION)) return;
      this.#confirming?.();
      this.#ask();
    });
    for (const sign of ["ping", "pong", "message"]) {
      socket.on(sign, () => {
        for (const hear of this.#onHeard) hear();
      });
    }
  }

  /** One ping at a time is on its way: what is sent meanwhile is confirmed by the next one. */
  mark(confirmed: () => void): void {
    this.#next = confirmed;
    if (this.#confirming === null) this.#ask();
  }

  ping(content: Buffer = NOTHING): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#socket.ping(content);
    this.#peer.pinged(content.length);
  }

  /** Whether anything comes from the client soon, or what it has left to read gets less: a pong comes after that. */
  async answersSoon(): Promise<boolean> {
    const before = this.#socket.bufferedAmount;
    this.ping();
    const heard = await new Promise<boolean>((resolve) => {
      const end = (answer: boolean): void => {
        clearTimeout(timer);
        this.#onHeard.delete(hear);
        resolve(answer);
      };
      const hear = (): void => {
        end(true);
      };
      const timer = setTimeout(end, ANSWER_MS, false);
      this.#onHeard.add(hear);
    });
    return heard || this.#socket.bufferedAmount < before;
  }

  #ask(): void {
    this.#confirming = this.#next;
    this.#next = null;
    if (this.#confirming !== null) this.ping(CONFIRMATION);
  }
}
