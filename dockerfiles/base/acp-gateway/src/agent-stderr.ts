import type { Readable } from "node:stream";

import type { Log } from "./log.js";

const MAX_TEXT = 2000;

/**
 * Reads what an agent prints to stderr. OpenCode prints whole requests there when one fails, so only how much it was is
 * logged, unless the text is asked for by giving the connection that it is to be logged under.
 */
export class AgentStderr {
  bytes = 0;

  constructor(stderr: Readable, log: Log, connection: string | null) {
    stderr.on("data", (chunk: Buffer) => {
      this.bytes += chunk.length;
      if (connection === null) return;
      log.warning("agent_stderr", { connection, text: chunk.toString("utf8").trimEnd().slice(0, MAX_TEXT) });
    });
  }
}
