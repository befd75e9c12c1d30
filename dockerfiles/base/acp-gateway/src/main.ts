#!/usr/bin/env node
import { setFlagsFromString } from "node:v8";

import { SettingsError } from "./environment.js";
import { Gateway } from "./gateway.js";
import { jsonLog } from "./log.js";
import { memorySources, usableMemory } from "./memory.js";
import { readSettings, readTierMemory, type Settings } from "./settings.js";

/** What is left to do when no turn runs; the container gives its services five seconds for it in all. */
const SHUTDOWN_LIMIT_MS = 2500;
const EXIT_SETTINGS = 2;

/**
 * Messages pass through as buffers outside of the heap, which V8 counts as growth of it: by default each 50 to 70 messages
 * of 64 KB cost a collection of the whole small heap, which holds up all connections for some milliseconds. So it may
 * grow to five times what was left by the last one.
 */
setFlagsFromString("--heap-growing-percent=400");

const log = jsonLog((line) => {
  process.stdout.write(line);
});

async function main(): Promise<void> {
  const settings = settingsOrNull();
  if (settings === null) return;
  const gateway = new Gateway(settings, process.env, log);
  process.on("exit", () => {
    gateway.killAgents();
  });
  shutDownOnSignals(gateway);
  const address = await gateway.listen();
  log.info("listening", {
    host: address.address,
    port: address.port,
    connections_limit: settings.maxConnections,
    memory_mb: Math.floor(settings.memoryBytes / 1_000_000),
    token: settings.login !== null,
    startup_ms: Math.round(performance.now()),
  });
  warnWithoutToken(settings);
}

function settingsOrNull(): Settings | null {
  try {
    return readSettings(process.env, usableMemory(memorySources(), readTierMemory(process.env)));
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    log.error("settings_refused", { problem: error.message });
    process.exitCode = EXIT_SETTINGS;
    return null;
  }
}

function warnWithoutToken(settings: Settings): void {
  if (settings.login !== null) return;
  const advice = "set ACP_GATEWAY_PASSWORD to let clients outside of this container in";
  log.warning("no_token", { problem: "no token is set, so only loopback is served", advice });
}

/** A second signal changes nothing: supervisors may signal the process and its group. */
function shutDownOnSignals(gateway: Gateway): void {
  let shuttingDown = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (!shuttingDown) void shutDown(gateway, signal);
      shuttingDown = true;
    });
  }
}

async function shutDown(gateway: Gateway, signal: string): Promise<void> {
  log.info("shutting_down", { signal });
  await gateway.drain();
  setTimeout(() => {
    log.error("shutdown_overdue");
    process.exit(0); // The exit handler ends what is left.
  }, SHUTDOWN_LIMIT_MS);
  await gateway.shutDown();
  log.info("stopped");
  process.exit(0);
}

/** Messages of errors may quote what was being worked on; their kind and place may not. */
function crash(error: unknown): void {
  const { name, code, stack } = error as NodeJS.ErrnoException;
  const place = (stack ?? "").split("\n").filter((line) => line.trimStart().startsWith("at "));
  log.error("crashed", { error: code ?? name, place: place.join(" ").replaceAll(/\s+/g, " ") });
  process.exit(1);
}

// A log collector that went away must not end the clients' work.
process.stdout.on("error", () => undefined);
process.on("uncaughtException", crash);
process.on("unhandledRejection", crash);
await main();
