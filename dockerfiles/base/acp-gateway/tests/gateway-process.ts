import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../src/main.js", import.meta.url));
/** The stand-in for an agent, compiled. */
export const STAND_IN = fileURLToPath(new URL("stand-ins/stand-in-agent.js", import.meta.url));

/** The token that tests log in with, unless they give another one. */
export const PASSWORD = "correct horse";
/** The one that they read metrics with. */
export const METRICS_TOKEN = "battery staple";

/** One line of the gateway's log. */
export type LogEvent = Readonly<Record<string, unknown>> & { readonly event: string };

/** A real gateway process on a free loopback port, with the stand-in as its agent. */
export class GatewayProcess {
  readonly log: LogEvent[] = [];
  readonly exited: Promise<number | null>;
  port = 0;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
    // A test that fails does not get to stop its gateway.
    process.once("exit", () => child.kill("SIGKILL"));
    this.exited = once(child, "exit").then(([code]) => code as number | null);
    if (child.stdout === null) throw new Error("the gateway has no output");
    createInterface(child.stdout).on("line", (line) => this.log.push(JSON.parse(line) as LogEvent));
  }

  /** Starts a gateway, with at most so many open files, and waits until it listens, or until it ends. */
  static async start(environment: Readonly<Record<string, string>> = {}, files = 1024): Promise<GatewayProcess> {
    const limited = ["-c", `ulimit -n ${files}; exec "$0" "$@"`, process.execPath, "--enable-source-maps", MAIN];
    const child = spawn("sh", limited, {
      env: {
        ...process.env,
        OPENCODE_HOST: "",
        ACP_GATEWAY_HOST: "127.0.0.1",
        ACP_GATEWAY_PORT: "0",
        ACP_GATEWAY_PASSWORD: PASSWORD,
        ACP_GATEWAY_METRICS_TOKEN: METRICS_TOKEN,
        ACP_GATEWAY_AGENT_COMMAND: JSON.stringify([process.execPath, STAND_IN, "{port}"]),
        ACP_GATEWAY_MAX_CONNECTIONS: "8",
        ACP_GATEWAY_STATE_DIRECTORY: mkdtempSync(join(tmpdir(), "gateway-state-")),
        ...environment,
      },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const gateway = new GatewayProcess(child);
    const listening = await gateway.event("listening").catch(() => null);
    if (listening !== null) gateway.port = listening["port"] as number;
    return gateway;
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error("the gateway did not start");
    return this.#child.pid;
  }

  /** Waits for an event of the log; rejects when the gateway ended without it. */
  async event(name: string): Promise<LogEvent> {
    for (;;) {
      const ended = this.#child.stdout?.closed === true;
      const found = this.log.find(({ event }) => event === name);
      if (found !== undefined) return found;
      if (ended) throw new Error(`the gateway ended without ${name}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Ends the gateway as a supervisor does. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode === null) this.signal("SIGTERM");
    return this.exited;
  }

  async fetch(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`http://127.0.0.1:${this.port}${path}`, init);
  }

  /** The value of one sample of the metrics. */
  async metric(sample: string): Promise<number> {
    const response = await this.fetch("/metrics", { headers: { authorization: `Bearer ${METRICS_TOKEN}` } });
    const line = (await response.text()).split("\n").find((text) => text.startsWith(`${sample} `));
    return Number(line?.slice(sample.length + 1));
  }
}
