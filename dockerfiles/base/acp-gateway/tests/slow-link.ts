import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** A stand-in for a slow network: a TCP relay that passes so many bytes a second each way, and keeps little itself. */
export class SlowLink {
  bytesPerSecond: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, bytesPerSecond: number) {
    this.#server = server;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Relays to a port on loopback; returns when it listens. */
  static async to(port: number, bytesPerSecond: number): Promise<SlowLink> {
    const server = createServer({ pauseOnConnect: true });
    const link = new SlowLink(server, bytesPerSecond);
    server.on("connection", (near) => {
      const far = connect(port, "127.0.0.1");
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        link.#sockets.add(from);
        from.on("error", () => undefined).on("close", () => to.destroy());
        link.#pass(from, to);
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #pass(from: Socket, to: Socket): void {
    from.on("data", (piece: Buffer) => {
      from.pause();
      to.write(piece);
      setTimeout(() => from.resume(), (piece.length * 1000) / this.bytesPerSecond);
    });
    from.resume();
  }
}
