import { homedir } from "node:os";
import { join } from "node:path";

import type { AnteroomLimits } from "./anteroom.js";
import { EnvironmentReader, type Environment, SettingsError } from "./environment.js";
import { isLoopback } from "./loopback.js";
import { agentsThatFit } from "./memory.js";
import { normalOrigin } from "./origin.js";
import { PasswordCheck, PasswordHash } from "./password.js";

/** The user and the token that clients log in with. */
export interface Login {
  readonly username: string;
  readonly password: PasswordCheck;
}

/** Everything that the environment decides, read once at the start. */
export interface Settings {
  readonly host: string;
  readonly port: number;
  /** Null: no token is set, and the gateway is bound to loopback. */
  readonly login: Login | null;
  /** Null: no metrics are served. */
  readonly metricsToken: string | null;
  /** Normal ones. */
  readonly allowedOrigins: ReadonlySet<string>;
  /** `{port}` stands for a free port on loopback. */
  readonly agentCommand: readonly [string, ...string[]];
  readonly workspace: string;
  /** What agents may fill, beside what is reserved. */
  readonly memoryBytes: number;
  readonly maxConnections: number;
  readonly anteroom: AnteroomLimits;
  readonly maxMessageBytes: number;
  readonly maxAgentMessageBytes: number;
  readonly pingMs: number;
  readonly silenceMs: number;
  readonly firstMessageMs: number;
  /** How long an agent lives on when its last client was lost. */
  readonly detachMs: number;
  /** What is kept of what an agent says, for clients that were lost. */
  readonly detachBufferBytes: number;
  /** How long turns may go on when the gateway has to stop. */
  readonly drainMs: number;
  /** How many clients may be let in beyond the places for agents, to take sessions up again or to observe. */
  readonly maxObservers: number;
  readonly stateDirectory: string;
  /** Whether the text of the agent's stderr is logged; it may hold messages. */
  readonly logAgentStderr: boolean;
}

const MB = 1_000_000;
const MIB = 1 << 20;
const AGENT_COMMAND = ["opencode", "acp", "--hostname", "127.0.0.1", "--port", "{port}"] as const;

/** The memory of the container's tier, without that of its add-ons, in bytes; null outside of the platform. */
export function readTierMemory(environment: Environment): number | null {
  const most = Number.MAX_SAFE_INTEGER;
  return new EnvironmentReader(environment).integer("CODEOPEN_TIER_MEMORY_BYTES", 0, { least: 1, most }) || null;
}

/** Reads the settings. Raises SettingsError, which names the variable and what to write. */
export function readSettings(environment: Environment, memoryBytes: number): Settings {
  const reader = new EnvironmentReader(environment);
  const login = readLogin(reader);
  return {
    host: readHost(reader, login),
    port: reader.integer("ACP_GATEWAY_PORT", 4097, { least: 0, most: 65_535 }),
    login,
    metricsToken: readMetricsToken(reader, login),
    allowedOrigins: readOrigins(reader),
    agentCommand: reader.command("ACP_GATEWAY_AGENT_COMMAND", AGENT_COMMAND),
    workspace: reader.text("WORKSPACE") ?? process.cwd(),
    memoryBytes,
    maxConnections: readMaxConnections(reader, memoryBytes),
    anteroom: {
      total: reader.integer("ACP_GATEWAY_MAX_WAITING", 512, { least: 1, most: 100_000 }),
      perAddress: reader.integer("ACP_GATEWAY_MAX_WAITING_PER_ADDRESS", 128, { least: 1, most: 100_000 }),
    },
    maxMessageBytes: reader.integer("ACP_GATEWAY_MAX_MESSAGE_BYTES", 16 * MIB, { least: 1024, most: 512 * MIB }),
    maxAgentMessageBytes: reader.integer("ACP_GATEWAY_MAX_AGENT_MESSAGE_BYTES", 64 * MIB, {
      least: 1024,
      most: 512 * MIB,
    }),
    pingMs: reader.seconds("ACP_GATEWAY_PING_SECONDS", 15),
    silenceMs: reader.seconds("ACP_GATEWAY_SILENCE_SECONDS", 45),
    firstMessageMs: reader.seconds("ACP_GATEWAY_FIRST_MESSAGE_SECONDS", 30),
    detachMs: reader.seconds("ACP_GATEWAY_DETACH_SECONDS", 300),
    detachBufferBytes: reader.integer("ACP_GATEWAY_DETACH_BUFFER_BYTES", 8 * MIB, { least: 0, most: 512 * MIB }),
    drainMs: reader.seconds("ACP_GATEWAY_DRAIN_SECONDS", 30),
    maxObservers: reader.integer("ACP_GATEWAY_MAX_OBSERVERS", 8, { least: 0, most: 100_000 }),
    stateDirectory: readStateDirectory(reader),
    logAgentStderr: reader.flag("ACP_GATEWAY_LOG_AGENT_STDERR"),
  };
}

/** By the XDG base directory specification; a container keeps it in the volume of its home. */
function readStateDirectory(reader: EnvironmentReader): string {
  const base = reader.text("XDG_STATE_HOME") ?? join(reader.text("HOME") ?? homedir(), ".local", "state");
  return reader.text("ACP_GATEWAY_STATE_DIRECTORY") ?? join(base, "codeopen", "acp-gateway");
}

function readLogin(reader: EnvironmentReader): Login | null {
  // The default is the one of the container's health check and of OpenCode's own server.
  const username = reader.text("ACP_GATEWAY_USERNAME") ?? "opencode";
  if (username.includes(":")) {
    throw new SettingsError("ACP_GATEWAY_USERNAME: a user name can't hold a colon; write one without");
  }
  const password = readPassword(reader);
  return password === null ? null : { username, password };
}

/** In the image there is only ever a hash: variables can be read by the agent, which runs as the same user. */
function readPassword(reader: EnvironmentReader): PasswordCheck | null {
  const given = reader.text("ACP_GATEWAY_PASSWORD");
  // One of blanks is an accident, and the first that anybody tries.
  const plain = given?.trim() === "" ? undefined : given;
  const text = reader.text("ACP_GATEWAY_PASSWORD_HASH");
  if (text === undefined) return plain === undefined ? null : PasswordCheck.ofPassword(plain);
  if (plain !== undefined) {
    throw new SettingsError("ACP_GATEWAY_PASSWORD_HASH: ACP_GATEWAY_PASSWORD is set too; set one of the two");
  }
  const hash = PasswordHash.parse(text);
  if (hash !== null) return PasswordCheck.ofHash(hash);
  throw new SettingsError(
    "ACP_GATEWAY_PASSWORD_HASH: not a hash as $scrypt$ln=14,r=8,p=1$SALT$DIGEST; make one with codeopen-hash-password, " +
      "and keep a shell or Compose from replacing its dollar signs",
  );
}

/** The metrics' token is no login: whoever collects them must not get a shell for it. */
function readMetricsToken(reader: EnvironmentReader, login: Login | null): string | null {
  const token = reader.text("ACP_GATEWAY_METRICS_TOKEN") ?? null;
  if (token !== null && login?.password.matchesNow(Buffer.from(token)) === true) {
    throw new SettingsError("ACP_GATEWAY_METRICS_TOKEN: it is the password; write another one, which grants no more");
  }
  return token;
}

function readOrigins(reader: EnvironmentReader): ReadonlySet<string> {
  const name = "ACP_GATEWAY_ALLOWED_ORIGINS";
  const origins = reader.list(name).map((text) => {
    const origin = normalOrigin(text);
    if (origin !== null) return origin;
    throw new SettingsError(
      `${name}: ${text} is no page's origin; write scheme and host, with the port where it has one of its own, ` +
        "as https://ide.example or http://localhost:3000, separated by commas",
    );
  });
  return new Set(origins);
}

/** Without a token nobody outside may connect: a default host falls back to loopback, an explicit one is refused. */
function readHost(reader: EnvironmentReader, login: Login | null): string {
  const host = reader.text("ACP_GATEWAY_HOST");
  if (login === null && host !== undefined && !isLoopback(host)) {
    throw new SettingsError(
      `ACP_GATEWAY_HOST: ${host} can be reached from outside, and no token is set; ` +
        "set ACP_GATEWAY_PASSWORD, or leave ACP_GATEWAY_HOST out to listen on 127.0.0.1",
    );
  }
  if (host !== undefined) return host;
  const preferred = reader.text("OPENCODE_HOST") ?? "0.0.0.0";
  return login === null && !isLoopback(preferred) ? "127.0.0.1" : preferred;
}

function readMaxConnections(reader: EnvironmentReader, memoryBytes: number): number {
  const agent = reader.integer("ACP_GATEWAY_AGENT_MEMORY_MB", 750, { least: 1, most: 1_000_000 });
  const reserved = reader.integer("ACP_GATEWAY_RESERVED_MEMORY_MB", 512, { least: 0, most: 1_000_000 });
  const derived = agentsThatFit(memoryBytes, reserved * MB, agent * MB);
  return reader.integer("ACP_GATEWAY_MAX_CONNECTIONS", derived, { least: 1, most: 100_000 });
}
