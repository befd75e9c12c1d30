import { isIPv6, type Socket } from "node:net";

import { isLoopback } from "./loopback.js";

/** The part of a TCP socket that the anteroom needs; tests have one of memory. */
export type WaitingSocket = Pick<Socket, "remoteAddress" | "destroy" | "once">;

/** How many sockets may be open that no login has come in on yet. */
export interface AnteroomLimits {
  /** From outside of the container, in all. */
  readonly total: number;
  /** From one address, or from one network of IPv6, which a single machine has for itself. */
  readonly perAddress: number;
}

/**
 * The sockets that no login has come in on yet, probes among them. One too many makes the oldest of the address that has
 * most of them go, never the new one: a health check or a login is over within milliseconds, so it gets through however
 * many others sit idle. Loopback has a place of its own, which nobody outside can fill.
 */
export class Anteroom {
  readonly #limits: AnteroomLimits;
  readonly #onEvicted: () => void;
  /** A set keeps the order in which its members came. */
  readonly #waiting = new Map<string, Set<WaitingSocket>>();

  constructor(limits: AnteroomLimits, onEvicted: () => void) {
    this.#limits = limits;
    this.#onEvicted = onEvicted;
  }

  /** How many wait, from everywhere. */
  get size(): number {
    return this.#count(() => true);
  }

  enter(socket: WaitingSocket): void {
    const network = networkOf(socket.remoteAddress ?? "");
    const sockets = this.#waiting.get(network) ?? new Set();
    this.#waiting.set(network, sockets.add(socket));
    socket.once("close", () => {
      this.leave(socket);
    });
    if (sockets.size > this.#limits.perAddress) this.#evict(sockets);
    else if (!isLoopback(network) && this.#count(isOutside) > this.#limits.total) this.#evict(this.#largestOutside());
  }

  /** The socket is a client's that logged in, or closed. */
  leave(socket: WaitingSocket): void {
    for (const [network, sockets] of this.#waiting) {
      if (sockets.delete(socket) && sockets.size === 0) this.#waiting.delete(network);
    }
  }

  #evict(sockets: ReadonlySet<WaitingSocket>): void {
    const [oldest] = sockets;
    if (oldest === undefined) return;
    this.leave(oldest);
    oldest.destroy();
    this.#onEvicted();
  }

  #largestOutside(): ReadonlySet<WaitingSocket> {
    const outside = [...this.#waiting].filter(([network]) => isOutside(network)).map(([, sockets]) => sockets);
    return outside.reduce((largest, sockets) => (sockets.size > largest.size ? sockets : largest), new Set());
  }

  #count(counts: (network: string) => boolean): number {
    return [...this.#waiting].reduce((sum, [network, sockets]) => sum + (counts(network) ? sockets.size : 0), 0);
  }
}

function isOutside(network: string): boolean {
  return !isLoopback(network);
}

/** An address of IPv4, however it is written, or the 64 bits that name a network of IPv6. */
function networkOf(address: string): string {
  const v4 = address.replace(/^::ffff:(?=\d+\.)/, "");
  if (!isIPv6(v4) || isLoopback(v4)) return v4;
  return v4.split("%")[0]?.split("::")[0]?.split(":").slice(0, 4).join(":") ?? v4;
}
