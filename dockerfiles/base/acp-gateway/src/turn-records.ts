import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Log } from "./log.js";

interface TurnRecord {
  readonly sessionId: string;
  /** The mark of the agent and of all that it started. */
  readonly agent: string;
}

/**
 * Which turns run, one file each in `running`, so that a gateway that was killed can say after its start which were lost,
 * and that a container that stops can see whether to wait. Without a place to write there are no records, and all else
 * works.
 */
export class TurnRecords {
  readonly #running: string;
  readonly #lost: string;
  readonly #log: Log;

  constructor(folder: string, log: Log) {
    this.#running = join(folder, "running");
    this.#lost = join(folder, "lost");
    this.#log = log;
  }

  /** Holds what still runs, by the records of the last gateway, for lost; returns the marks of its agents. */
  recover(): string[] {
    const agents = this.#attempt(() => {
      for (const folder of [this.#running, this.#lost]) mkdirSync(folder, { recursive: true, mode: 0o700 });
      return readdirSync(this.#running).map((name) => {
        const { agent } = JSON.parse(readFileSync(join(this.#running, name), "utf8")) as TurnRecord;
        renameSync(join(this.#running, name), join(this.#lost, name));
        return agent;
      });
    });
    if (agents !== null && agents.length > 0) this.#log.warning("turns_lost", { turns: agents.length });
    return agents ?? [];
  }

  begin(sessionId: string, agent: string): void {
    this.#attempt(() => {
      writeFileSync(join(this.#running, nameOf(sessionId)), JSON.stringify({ sessionId, agent }), { mode: 0o600 });
    });
  }

  end(sessionId: string): void {
    this.#attempt(() => {
      rmSync(join(this.#running, nameOf(sessionId)), { force: true });
    });
  }

  /** The agent ended before the turn did. */
  lose(sessionId: string): void {
    this.#attempt(() => {
      renameSync(join(this.#running, nameOf(sessionId)), join(this.#lost, nameOf(sessionId)));
    });
  }

  /** Whether a session's last turn was lost; says so once. */
  takeLost(sessionId: string): boolean {
    const path = join(this.#lost, nameOf(sessionId));
    try {
      rmSync(path);
      return true;
    } catch {
      return false;
    }
  }

  #attempt<T>(act: () => T): T | null {
    try {
      return act();
    } catch (error) {
      this.#log.warning("turn_record_failed", { error: (error as NodeJS.ErrnoException).code ?? "unreadable" });
      return null;
    }
  }
}

/** Agents choose the names of sessions. */
function nameOf(sessionId: string): string {
  return createHash("sha256").update(sessionId).digest("hex").slice(0, 32);
}
