import { once } from "node:events";
import { createServer } from "node:net";

/**
 * Finds ports on loopback for agents, each of which opens one. Never OpenCode's own default: without a port an agent
 * takes 4096 where it is free, and the OpenCode server then can't start.
 */
export class FreePorts {
  readonly #lent = new Set<number>();

  /** A port that nothing listens on and that no other agent was given. */
  async lend(): Promise<number> {
    for (;;) {
      const port = await unusedPort();
      if (this.#lent.has(port)) continue;
      this.#lent.add(port);
      return port;
    }
  }

  giveBack(port: number): void {
    this.#lent.delete(port);
  }
}

async function unusedPort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("a TCP server has no port");
  return address.port;
}
