/** The gateway in front of the real OpenCode, which OPENCODE_BIN names, with a stand-in for its model and no network. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";

import { methods, type PromptResponse } from "@agentclientprotocol/sdk";

import { type AcpClient, connectAcp, spoken } from "../acp-client.js";
import { GatewayProcess } from "../gateway-process.js";
import { opencodeEnvironment } from "../opencode-environment.js";
import { childless, childrenOf, commandsRunning } from "../processes.js";
import { FAREWELL, StandInModel } from "../stand-ins/stand-in-model.js";

const { agent: AGENT } = methods;

async function until(isSo: () => boolean, withinMs = 60_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, "it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

suite("opencode", () => {
  const folder = mkdtempSync(join(tmpdir(), "opencode-"));
  let model: StandInModel;
  let gateway: GatewayProcess;
  before(async () => {
    model = await StandInModel.start();
    gateway = await GatewayProcess.start({
      ...opencodeEnvironment(folder, model),
      OPENCODE_SERVER_PASSWORD: "another secret",
      ACP_GATEWAY_MAX_CONNECTIONS: "2",
    });
  });
  after(async () => {
    await gateway.stop();
    await model.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(): Promise<AcpClient> {
    const acp = connectAcp(`ws://127.0.0.1:${gateway.port}/acp`);
    const { agentCapabilities } = await acp.connection.agent.request(AGENT.initialize, { protocolVersion: 1 });
    assert.equal(agentCapabilities?.loadSession, true);
    return acp;
  }

  async function newSession({ connection }: AcpClient): Promise<string> {
    const { sessionId } = await connection.agent.request(AGENT.session.new, { cwd: folder, mcpServers: [] });
    return sessionId;
  }

  async function run({ connection }: AcpClient, sessionId: string, command: string): Promise<string> {
    const prompt = [{ type: "text" as const, text: `run: ${command}` }];
    const { stopReason }: PromptResponse = await connection.agent.request(AGENT.session.prompt, { sessionId, prompt });
    return stopReason;
  }

  async function leave({ connection }: AcpClient): Promise<void> {
    connection.close();
    await connection.closed;
    assert.ok(await childless(gateway.pid, 6000), "no process is left behind");
  }

  test("a prompt goes through a permission request to its end, and on in a new connection", async () => {
    const first = await open();
    const sessionId = await newSession(first);
    assert.equal(await run(first, sessionId, "echo one > made.txt"), "end_turn");
    assert.equal(first.permissions.length, 1);
    assert.equal(readFileSync(join(folder, "made.txt"), "utf8"), "one\n");
    assert.equal(spoken(first), FAREWELL);
    await leave(first);

    const second = await open();
    await second.connection.agent.request(AGENT.session.load, { sessionId, cwd: folder, mcpServers: [] });
    await until(() => spoken(second) === FAREWELL);
    assert.ok(
      second.updates.some(({ sessionUpdate }) => sessionUpdate === "user_message_chunk"),
      "the past is told",
    );
    assert.equal(await run(second, sessionId, "echo two >> made.txt"), "end_turn");
    assert.equal(readFileSync(join(folder, "made.txt"), "utf8"), "one\ntwo\n");
    await leave(second);

    const third = await open();
    await third.connection.agent.request(AGENT.session.resume, { sessionId, cwd: folder, mcpServers: [] });
    assert.equal(await run(third, sessionId, "echo three >> made.txt"), "end_turn");
    assert.equal(readFileSync(join(folder, "made.txt"), "utf8"), "one\ntwo\nthree\n");
    await leave(third);
    assert.ok(!JSON.stringify(gateway.log).includes("made.txt"), "the log holds no part of a message");
  });

  test("two connections work at the same time", async () => {
    const clients = [await open(), await open()];
    const work = clients.map(async (acp, index) => run(acp, await newSession(acp), `echo ${index} > file-${index}`));
    assert.deepEqual(await Promise.all(work), ["end_turn", "end_turn"]);
    for (const acp of clients) acp.connection.close();
    assert.ok(await childless(gateway.pid, 6000));
  });

  test("a method that the gateway does not know is the agent's to answer", async () => {
    const acp = await open();
    await assert.rejects(acp.connection.agent.request("_no/such_method", {}), { code: -32601 });
    await leave(acp);
  });

  for (const [how, seconds] of [
    ["the client leaves", "86397"],
    ["the agent crashes", "86398"],
  ] as const) {
    test(`a command that runs when ${how} is ended with the agent`, async () => {
      const acp = await open();
      const sessionId = await newSession(acp);
      const prompt = run(acp, sessionId, `sleep ${seconds}`).catch(() => "cut off");
      await until(() => commandsRunning(`sleep ${seconds}`).length > 0);
      if (how === "the client leaves") acp.connection.close();
      else for (const pid of childrenOf(gateway.pid)) process.kill(pid, "SIGKILL");
      assert.equal(await prompt, "cut off");
      assert.ok(await childless(gateway.pid, 6000));
      await until(() => commandsRunning(`sleep ${seconds}`).length === 0, 2000);
    });
  }
});
