import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";

import { WORST_SHAPES } from "../worst-messages.js";

/** A connection that sends the largest legal message of a shape again and again, from a thread of its own. */
export class FloodLink {
  readonly #worker: Worker;

  private constructor(port: number, shape: string) {
    const thread = fileURLToPath(new URL("flood-thread.js", import.meta.url));
    this.#worker = new Worker(thread, { workerData: { port, shape } });
  }

  static async open(port: number, shape: string): Promise<FloodLink> {
    if (!WORST_SHAPES.some((known) => known === shape)) {
      throw new Error(`--worst ${shape}: give one of ${WORST_SHAPES.join(", ")}`);
    }
    const link = new FloodLink(port, shape);
    await once(link.#worker, "message");
    return link;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
