import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { delimiter, join } from "node:path";

import { AgentProcess } from "./agent-process.js";
import { FreePorts } from "./free-port.js";

/** The gateway's own logins are of no use to an agent. */
const KEPT_FROM_AGENTS = [
  "ACP_GATEWAY_USERNAME",
  "ACP_GATEWAY_PASSWORD",
  "ACP_GATEWAY_PASSWORD_HASH",
  "ACP_GATEWAY_METRICS_TOKEN",
];

/** Starts agents of one kind, in one folder. */
export class AgentStarter {
  readonly #command: readonly [string, ...string[]];
  readonly #directory: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #ports = new FreePorts();

  constructor(command: readonly [string, ...string[]], directory: string, environment: NodeJS.ProcessEnv) {
    this.#command = command;
    this.#directory = directory;
    this.#environment = { ...environment };
    for (const name of KEPT_FROM_AGENTS) Reflect.deleteProperty(this.#environment, name);
  }

  /** Starts an agent for a connection. Rejects when its program can't be run. */
  async start(connectionId: string): Promise<AgentProcess> {
    const port = await this.#ports.lend();
    const [program, ...args] = this.#command;
    try {
      const agent = await AgentProcess.start({
        command: [program, ...args.map((arg) => arg.replaceAll("{port}", String(port)))],
        directory: this.#directory,
        environment: this.#environment,
        marker: connectionId,
      });
      void agent.exited.then(() => {
        this.#ports.giveBack(port);
      });
      return agent;
    } catch (error) {
      this.#ports.giveBack(port);
      throw error;
    }
  }

  /** Why no agent could be started now, or null: the program must be there, and the folder that it runs in. */
  async obstacle(): Promise<string | null> {
    const directory = await stat(this.#directory).catch(() => null);
    if (directory?.isDirectory() !== true) return "the workspace does not exist";
    return (await this.#isExecutable()) ? null : "the agent's program is not installed";
  }

  async #isExecutable(): Promise<boolean> {
    const [program] = this.#command;
    const folders = program.includes("/") ? [""] : (this.#environment["PATH"] ?? "").split(delimiter);
    const found = await Promise.all(
      folders.map((folder) =>
        access(folder === "" ? program : join(folder, program), constants.X_OK).then(
          () => true,
          () => false,
        ),
      ),
    );
    return found.includes(true);
  }
}
