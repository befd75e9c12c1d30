import { Counter, Gauge, Histogram, type Metric } from "./prometheus.js";

/** Inbound goes to the agent, outbound to the client. */
export type Direction = "inbound" | "outbound";

const DIRECTIONS: readonly Direction[] = ["inbound", "outbound"];

/** Why a request or a connection was turned down. */
export const REJECTIONS = [
  "agent_failed",
  "agent_line_too_long",
  "agent_stalled",
  "bad_handshake",
  "binary",
  "crowded",
  "host",
  "limit",
  "malformed",
  "no_message",
  "origin",
  "oversized",
  "protocol",
  "shutting_down",
  "silent",
  "unauthorized",
] as const;

export type Rejection = (typeof REJECTIONS)[number];

const AGENT_ENDS = ["success", "failure", "signal"] as const;
const RELAY_BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** What the gauges are read from. */
export interface MetricSources {
  readonly connections: () => number;
  readonly maxConnections: number;
  readonly agents: () => number;
}

/** Everything that is counted. */
export class Metrics {
  readonly connectionsAccepted = new Counter({
    name: "acp_gateway_connections_accepted_total",
    help: "Connections that were given a place.",
  });
  readonly rejected = new Counter(
    { name: "acp_gateway_rejected_total", help: "Requests and connections that were turned down." },
    "reason",
    REJECTIONS,
  );
  readonly agentsStarted = new Counter({ name: "acp_gateway_agents_started_total", help: "Agent processes started." });
  readonly agentsExited = new Counter(
    { name: "acp_gateway_agents_exited_total", help: "Agent processes that ended, by how they did." },
    "end",
    AGENT_ENDS,
  );
  readonly messages = new Counter(
    { name: "acp_gateway_messages_total", help: "Messages relayed." },
    "direction",
    DIRECTIONS,
  );
  readonly messageBytes = new Counter(
    { name: "acp_gateway_message_bytes_total", help: "Bytes of the messages relayed." },
    "direction",
    DIRECTIONS,
  );
  readonly strayLines = new Counter({
    name: "acp_gateway_agent_stray_lines_total",
    help: "Lines that agents printed among their messages, and that were left out.",
  });
  readonly relaySeconds = new Histogram(
    { name: "acp_gateway_relay_seconds", help: "From having a message to having handed it to the other side." },
    "direction",
    DIRECTIONS,
    RELAY_BOUNDS,
  );
  readonly #gauges: readonly Gauge[];

  constructor(sources: MetricSources) {
    this.#gauges = [
      new Gauge({ name: "acp_gateway_connections", help: "Connections that have a place." }, sources.connections),
      new Gauge(
        { name: "acp_gateway_connections_limit", help: "Connections that may have a place." },
        () => sources.maxConnections,
      ),
      new Gauge({ name: "acp_gateway_agents", help: "Agent processes, those that are ending too." }, sources.agents),
      new Gauge({ name: "process_resident_memory_bytes", help: "Memory of the gateway itself." }, () =>
        process.memoryUsage.rss(),
      ),
      new Gauge({ name: "process_uptime_seconds", help: "How long the gateway has run." }, () => process.uptime()),
    ];
  }

  relayed(direction: Direction, bytes: number, seconds: number): void {
    this.messages.add(1, direction);
    this.messageBytes.add(bytes, direction);
    this.relaySeconds.observe(seconds, direction);
  }

  reject(reason: Rejection): void {
    this.rejected.add(1, reason);
  }

  /** The text that Prometheus reads. */
  render(): string {
    const metrics: Metric[] = [
      ...this.#gauges,
      this.connectionsAccepted,
      this.rejected,
      this.agentsStarted,
      this.agentsExited,
      this.messages,
      this.messageBytes,
      this.strayLines,
      this.relaySeconds,
    ];
    return `${metrics.flatMap((metric) => metric.lines()).join("\n")}\n`;
  }
}
