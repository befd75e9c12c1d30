/** The gateway in front of the real OpenCode, which OPENCODE_BIN names, with a stand-in for its model and no network. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { methods, type PromptResponse } from "@agentclientprotocol/sdk";

import { type AcpClient, connectAcp, spoken } from "../acp-client.js";
import { Client } from "../client.js";
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

/** OpenCode takes seconds to start, on a busy machine many. */
const LIMITS = { timeout: 120_000 };

suite("opencode", () => {
  const folder = mkdtempSync(join(tmpdir(), "opencode-"));
  let model: StandInModel;
  let gateway: GatewayProcess;
  before(async () => {
    model = await StandInModel.start();
    gateway = await start();
  });

  async function start(): Promise<GatewayProcess> {
    return GatewayProcess.start({
      ...opencodeEnvironment(folder, model),
      OPENCODE_SERVER_PASSWORD: "another secret",
      ACP_GATEWAY_MAX_CONNECTIONS: "2",
      ACP_GATEWAY_DETACH_SECONDS: "60",
      ACP_GATEWAY_STATE_DIRECTORY: join(folder, "state"),
    });
  }
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

  test("a command that runs when the agent crashes is ended with the agent", LIMITS, async () => {
    const acp = await open();
    const sessionId = await newSession(acp);
    const prompt = run(acp, sessionId, "sleep 86398").catch(() => "cut off");
    await until(() => commandsRunning("sleep 86398").length > 0);
    for (const pid of childrenOf(gateway.pid)) process.kill(pid, "SIGKILL");
    assert.equal(await prompt, "cut off");
    assert.ok(await childless(gateway.pid, 6000));
    await until(() => commandsRunning("sleep 86398").length === 0, 2000);
  });

  for (const method of ["session/resume", "session/load"] as const) {
    test(`a command of 20 s survives a cut connection, and its end is told after ${method}`, LIMITS, async () => {
      const first = await Client.open(gateway.port);
      const sessionId = await begin(first);
      const made = `${method.slice(8)}.txt`;
      first.prompt(sessionId, `run: sleep 20; echo done > ${made}`);
      await allow(first);
      await until(() => commandsRunning("sleep 20").length > 0);
      first.socket.terminate();
      await first.closed;
      await wait(1000);
      const second = await Client.open(gateway.port);
      await second.request("initialize", { protocolVersion: 1 });
      const again = await second.request(method, { sessionId, cwd: folder, mcpServers: [] });
      assert.ok(again.result !== undefined, JSON.stringify(again));
      assert.ok(commandsRunning("sleep 20").length > 0, "it goes on");
      const { result } = await second.told("_codeopen/turn_ended");
      assert.equal((result as { stopReason: string }).stopReason, "end_turn");
      assert.equal(readFileSync(join(folder, made), "utf8"), "done\n");
      assert.ok(second.received.some((text) => text.includes(FAREWELL)));
      assert.ok(second.received.some((text) => text.includes('"status":"completed"')));
      await goodbye(second);
    });
  }

  test("two clients see the same turn, and exactly one answer to a permission counts", LIMITS, async () => {
    const first = await Client.open(gateway.port);
    const sessionId = await begin(first);
    const second = await Client.open(gateway.port);
    await second.request("initialize", { protocolVersion: 1 });
    await second.request("session/resume", { sessionId, cwd: folder, mcpServers: [] });
    const prompt = first.prompt(sessionId, "run: echo once >> both.txt");
    await Promise.all([allow(first), allow(second)]);
    const ended = await first.answer(({ id, method }) => id === prompt && method === undefined);
    assert.equal(ended.result?.["stopReason"], "end_turn");
    await second.told("_codeopen/turn_ended");
    assert.equal(readFileSync(join(folder, "both.txt"), "utf8"), "once\n");
    const cancelled = [first, second].filter(({ received }) =>
      received.some((text) => text.includes("$/cancel_request")),
    );
    assert.equal(cancelled.length, 1, "one of them is told that the other one was first");
    for (const client of [first, second]) assert.ok(client.received.some((text) => text.includes(FAREWELL)));
    second.close();
    await goodbye(first);
  });

  test("a gateway that is killed during a turn says so after its restart", LIMITS, async () => {
    const first = await Client.open(gateway.port);
    const sessionId = await begin(first);
    first.prompt(sessionId, "run: sleep 86397");
    await allow(first);
    await until(() => commandsRunning("sleep 86397").length > 0);
    gateway.signal("SIGKILL");
    await first.closed;
    gateway = await start();
    const second = await Client.open(gateway.port);
    await second.request("initialize", { protocolVersion: 1 });
    await second.request("session/load", { sessionId, cwd: folder, mcpServers: [] });
    assert.equal((await second.told("_codeopen/turn_lost"))["sessionId"], sessionId);
    await until(() => commandsRunning("sleep 86397").length === 0, 5000);
    await goodbye(second);
  });

  test("a stop lets the turn end", LIMITS, async () => {
    const client = await Client.open(gateway.port);
    const sessionId = await begin(client);
    const prompt = client.prompt(sessionId, "run: sleep 5; echo drained > drained.txt");
    await allow(client);
    await until(() => commandsRunning("sleep 5").length > 0);
    gateway.signal("SIGTERM");
    const { result } = await client.answer(({ id, method }) => id === prompt && method === undefined);
    assert.equal(result?.["stopReason"], "end_turn");
    assert.equal((await client.closed).code, 1001);
    assert.equal(await gateway.exited, 0);
    assert.equal(readFileSync(join(folder, "drained.txt"), "utf8"), "drained\n");
  });

  async function begin(client: Client): Promise<string> {
    await client.request("initialize", { protocolVersion: 1 });
    const { result } = await client.request("session/new", { cwd: folder, mcpServers: [] });
    return result?.["sessionId"] as string;
  }

  /** Grants the next permission that is asked for. */
  async function allow(client: Client): Promise<void> {
    const { id, params } = await client.answer(({ method }) => method === "session/request_permission");
    const options = params?.["options"] as { kind: string; optionId: string }[];
    const optionId = options.find(({ kind }) => kind === "allow_once")?.optionId;
    client.send(JSON.stringify({ jsonrpc: "2.0", id, result: { outcome: { outcome: "selected", optionId } } }));
  }

  async function goodbye(client: Client): Promise<void> {
    client.close();
    await client.closed;
    assert.ok(await childless(gateway.pid, 8000), "no process is left behind");
  }
});
