import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, suite, test } from "node:test";

import { methods, type PromptResponse } from "@agentclientprotocol/sdk";

import { connectAcp } from "../acp-client.js";
import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { childless, gone } from "../processes.js";

const MIB = 1 << 20;

suite("messages", () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await GatewayProcess.start({
      ACP_GATEWAY_MAX_MESSAGE_BYTES: String(4 * MIB),
      ACP_GATEWAY_MAX_AGENT_MESSAGE_BYTES: String(8 * MIB),
    });
  });
  after(async () => {
    await gateway.stop();
  });

  async function agentPid(client: Client): Promise<number> {
    const { result } = await client.request("stand-in/process");
    return result?.["pid"] as number;
  }

  test("the official client gets through a prompt with a permission request", async () => {
    const acp = connectAcp(`ws://127.0.0.1:${gateway.port}/acp`);
    const { agent } = acp.connection;
    const { protocolVersion } = await agent.request(methods.agent.initialize, { protocolVersion: 1 });
    assert.equal(protocolVersion, 1);
    const { sessionId } = await agent.request(methods.agent.session.new, { cwd: "/tmp", mcpServers: [] });
    const prompt = [{ type: "text" as const, text: "write a file" }];
    const { stopReason }: PromptResponse = await agent.request(methods.agent.session.prompt, { sessionId, prompt });
    assert.equal(stopReason, "end_turn");
    assert.deepEqual(acp.permissions, ["write a file"]);
    acp.connection.close();
    await acp.connection.closed;
  });

  test("bytes go through untouched both ways, and so do methods that nobody knows", async () => {
    const client = await Client.open(gateway.port);
    const text = '{ "jsonrpc":"2.0", "id":"a",  "method":"stand-in/bytes","params":{"n":1.0e0, "n":"\\u00e9é😀\\n"}}';
    client.send(text);
    const { result } = await client.answer(({ id }) => id === "a");
    assert.equal(Buffer.from(result?.["base64"] as string, "base64").toString(), text);
    const answer = '{ "jsonrpc":"2.0",  "id":"b","result":{"n":1.0e0,  "é":"\\u00e9"} }';
    await client.request("stand-in/print", { text: `${answer}\n` });
    assert.ok(client.received.includes(answer));
    const { error } = await client.request("no/such_method");
    assert.deepEqual(error, { code: -32601, message: "Method not found", data: { method: "no/such_method" } });
    client.close();
    await client.closed;
  });

  test("a message of several lines reaches the agent as one", async () => {
    const client = await Client.open(gateway.port);
    client.send(JSON.stringify({ jsonrpc: "2.0", id: "a", method: "stand-in/echo", params: { x: "1\n2" } }, null, 2));
    assert.deepEqual((await client.answer(({ id }) => id === "a")).result, { x: "1\n2" });
    client.close();
    await client.closed;
  });

  test("large messages go through both ways, up to the limit", async () => {
    const client = await Client.open(gateway.port);
    const text = randomBytes(1.4 * MIB).toString("hex");
    const { result } = await client.request("stand-in/echo", { text });
    assert.equal(result?.["text"], text);
    client.close();
    await client.closed;
  });

  for (const [name, frame, code, reason, error] of [
    ["a binary frame", Buffer.from('{"jsonrpc":"2.0","method":"x"}'), 1003, "messages are text frames", undefined],
    ["text that is not JSON", "{", 1007, "the message is not JSON", -32700],
    ["JSON that is no message", "{}", 1007, "the message is not a JSON-RPC 2.0 object", -32600],
    ["an oversized message", `{"jsonrpc":"2.0","method":"${"x".repeat(4 * MIB)}"}`, 1009, "", undefined],
  ] as const) {
    test(`${name} closes the connection with ${code} and ends its agent`, async () => {
      const client = await Client.open(gateway.port);
      const pid = await agentPid(client);
      client.received.splice(0);
      client.send(frame);
      assert.deepEqual(await client.closed, { code, reason });
      const [answer] = client.received.map((received) => JSON.parse(received) as { id: null; error: { code: number } });
      assert.equal(answer?.error.code, error);
      assert.ok(await gone(pid, 2000));
      const first = await Client.open(gateway.port);
      first.send(frame);
      assert.equal((await first.closed).code, code, "also as the very first message");
      assert.ok(await childless(gateway.pid, 2000));
    });
  }

  test("a client's batch is answered with an error, an agent's reaches the client message by message", async () => {
    const client = await Client.open(gateway.port);
    client.send('[{"jsonrpc":"2.0","id":1,"method":"stand-in/echo"}]');
    assert.equal((await client.answer(({ id }) => id === null)).error?.code, -32600);
    const [one, two] = ['{"jsonrpc":"2.0","method":"one"}', '{"jsonrpc":"2.0","method":"two"}'];
    await client.request("stand-in/print", { text: `[${one}, ${two}]\n` });
    assert.deepEqual(client.received.slice(1, 3), [one, two]);
    client.close();
    await client.closed;
  });

  test("text that is not UTF-8 closes the connection with 1007", async () => {
    const client = await Client.open(gateway.port);
    client.socket.send(Buffer.from([0x7b, 0xff, 0x7d]), { binary: false });
    assert.equal((await client.closed).code, 1007);
  });

  test("an agent's message over the limit closes the connection and ends the agent", async () => {
    const client = await Client.open(gateway.port);
    const pid = await agentPid(client);
    client.notify("stand-in/print", { text: "" });
    client.notify("stand-in/flood", { count: 1, bytes: 8 * MIB });
    assert.deepEqual(await client.closed, { code: 1011, reason: "the agent sent a message over the limit" });
    assert.ok(await gone(pid, 2000));
  });

  test("what an agent prints beside its messages never reaches the client", async () => {
    const client = await Client.open(gateway.port);
    await client.request("stand-in/print", { text: "Listening on 4096\n\n" });
    await client.request("stand-in/print_base64", { base64: Buffer.from([0x7b, 0xff, 0x7d, 0x0a]).toString("base64") });
    await client.request("stand-in/complain", { text: "Error handling request {\n  params: secret\n}\n" });
    assert.equal(client.received.length, 3);
    assert.equal(await gateway.metric("acp_gateway_agent_stray_lines_total"), 2);
    client.close();
    await client.closed;
    assert.ok(!JSON.stringify(gateway.log).includes("secret"));
  });
});
