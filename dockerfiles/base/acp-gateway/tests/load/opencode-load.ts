import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { methods } from "@agentclientprotocol/sdk";

import { type AcpClient, connectAcp } from "../acp-client.js";
import { GatewayProcess } from "../gateway-process.js";
import { opencodeEnvironment } from "../opencode-environment.js";
import { childrenOf } from "../processes.js";
import { StandInModel } from "../stand-ins/stand-in-model.js";
import { type Holdings, holdings, leftOver, proportionalMegabytes, round } from "./measure.js";

const PROMPTS = 3;

/** What several connections to the real OpenCode came to. */
export interface OpencodeReport {
  readonly connections: number;
  readonly prompts: number;
  readonly permissions: number;
  readonly seconds: number;
  readonly agent_memory_mb: readonly number[];
  readonly before: Holdings;
  readonly after: Holdings;
}

/** Has each of some connections go through prompts of `bytes` bytes with a permission request each, all at once. */
export async function loadOpencode(connections: number, bytes: number): Promise<OpencodeReport> {
  const folder = mkdtempSync(join(tmpdir(), "opencode-load-"));
  const model = await StandInModel.start();
  const gateway = await GatewayProcess.start({
    ...opencodeEnvironment(folder, model),
    ACP_GATEWAY_MAX_CONNECTIONS: String(connections),
  });
  try {
    const before = holdings(gateway.pid);
    const started = performance.now();
    const clients = Array.from({ length: connections }, () => connectAcp(`ws://127.0.0.1:${gateway.port}/acp`));
    await Promise.all(clients.map((acp) => work(acp, folder, bytes)));
    const seconds = round((performance.now() - started) / 1000);
    const agent_memory_mb = proportionalMegabytes(childrenOf(gateway.pid));
    for (const { connection } of clients) connection.close();
    const permissions = clients.reduce((sum, acp) => sum + acp.permissions.length, 0);
    const after = await leftOver(gateway.pid);
    return { connections, prompts: connections * PROMPTS, permissions, seconds, agent_memory_mb, before, after };
  } finally {
    await gateway.stop();
    await model.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function work({ connection }: AcpClient, folder: string, bytes: number): Promise<void> {
  const { agent } = connection;
  await agent.request(methods.agent.initialize, { protocolVersion: 1 });
  const { sessionId } = await agent.request(methods.agent.session.new, { cwd: folder, mcpServers: [] });
  const text = `${"x".repeat(bytes)} run: echo done`;
  for (let prompt = 0; prompt < PROMPTS; prompt += 1) {
    await agent.request(methods.agent.session.prompt, { sessionId, prompt: [{ type: "text", text }] });
  }
}
