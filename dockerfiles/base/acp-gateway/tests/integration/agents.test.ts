import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, beforeEach, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { Client } from "../client.js";
import { GatewayProcess, PASSWORD } from "../gateway-process.js";
import { childless, childrenOf, gone, isAlive } from "../processes.js";

suite("agents", () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await GatewayProcess.start({ ACP_GATEWAY_MAX_CONNECTIONS: "2", WORKSPACE: "/tmp" });
  });
  after(async () => {
    await gateway.stop();
  });

  beforeEach(async () => {
    assert.ok(await childless(gateway.pid, 6000));
  });

  async function open(): Promise<{ client: Client; pid: number; about: Readonly<Record<string, unknown>> }> {
    const client = await Client.open(gateway.port);
    const { result = {} } = await client.request("stand-in/process");
    return { client, pid: result["pid"] as number, about: result };
  }

  async function run(client: Client, detached: boolean): Promise<number> {
    const { result } = await client.request("stand-in/run", { detached });
    return result?.["pid"] as number;
  }

  test("each connection has an agent of its own, in the workspace, with a port of its own and no token", async () => {
    const connections = [await open(), await open()];
    const ports = connections.map(({ about }) => (about["arguments"] as string[])[0]);
    assert.equal(new Set(ports).size, 2);
    for (const port of ports) assert.match(port ?? "", /^\d{4,5}$/);
    assert.deepEqual(new Set(connections.map(({ pid }) => pid)), new Set(childrenOf(gateway.pid)));
    for (const { client, about } of connections) {
      assert.equal(about["directory"], "/tmp");
      assert.ok(!JSON.stringify(about).includes(PASSWORD));
      client.close();
      await client.closed;
    }
    for (const { pid } of connections) assert.ok(await gone(pid, 1000));
  });

  test("an agent ends when its client leaves, however it leaves", async () => {
    for (const leave of ["close", "terminate"] as const) {
      const { client, pid } = await open();
      client.socket[leave]();
      await client.closed;
      assert.ok(await gone(pid, 1000), leave);
    }
  });

  test("an agent that ends closes the socket with how it ended", async () => {
    const { client: failing } = await open();
    failing.notify("stand-in/exit", { code: 7 });
    assert.deepEqual(await failing.closed, { code: 1011, reason: "the agent exited with code 7" });
    const { client: crashing } = await open();
    crashing.notify("stand-in/crash");
    assert.deepEqual(await crashing.closed, { code: 1011, reason: "SIGKILL ended the agent" });
    assert.equal(await gateway.metric('acp_gateway_agents_exited_total{end="failure"}'), 1);
    assert.equal(await gateway.metric('acp_gateway_agents_exited_total{end="signal"}'), 1);
  });

  test("what an agent said last still reaches the client, but not what it cut off", async () => {
    const { client } = await open();
    client.notify("stand-in/flood", { count: 20, bytes: 100_000 });
    await client.answer(({ params }) => params?.["index"] === 19);
    client.notify("stand-in/print", { text: '{"jsonrpc":"2.0","method":"last"}\n{"cut":' });
    client.notify("stand-in/exit_when_printed", { code: 0 });
    assert.deepEqual(await client.closed, { code: 1011, reason: "the agent exited with code 0" });
    assert.equal(client.received.at(-1), '{"jsonrpc":"2.0","method":"last"}');
  });

  test("an agent that does not want to end is made to, with all that it started", async () => {
    const { client, pid } = await open();
    const inGroup = await run(client, false);
    const detached = await run(client, true);
    await client.request("stand-in/ignore_end");
    client.close();
    await client.closed;
    assert.ok(isAlive(pid), "it has time to end by itself");
    assert.ok(await gone(pid, 6000));
    assert.ok(await gone(inGroup, 500));
    assert.ok(await gone(detached, 500));
  });

  test("an agent that crashes leaves nothing that it started behind", async () => {
    const { client } = await open();
    const inGroup = await run(client, false);
    const detached = await run(client, true);
    client.notify("stand-in/crash");
    await client.closed;
    assert.ok(await gone(inGroup, 500));
    assert.ok(await gone(detached, 500));
  });

  test("what an agent detached ends with its session, and not with a connection that is lost", async () => {
    const { client, pid } = await open();
    const sessionId = await client.begin();
    const detached = await run(client, true);
    client.socket.terminate();
    await client.closed;
    await wait(300);
    assert.ok(isAlive(pid) && isAlive(detached));
    const back = await Client.open(gateway.port);
    await back.reenter("session/resume", sessionId);
    back.close();
    assert.ok(await gone(pid, 2000));
    assert.ok(await gone(detached, 2000));
  });

  test("a connection too many is told to come back later, and costs no agent", async () => {
    const connections = [await open(), await open()];
    const third = new Client(gateway.port);
    await once(third.socket, "open");
    assert.deepEqual(await third.closed, { code: 1013, reason: "all agents that fit in this container are in use" });
    assert.equal(childrenOf(gateway.pid).length, 2);
    assert.deepEqual(await (await gateway.fetch("/readyz")).json(), { status: "ready", connections: 2, limit: 2 });
    connections[0]?.client.close();
    await connections[0]?.client.closed;
    const { client } = await open();
    assert.ok(isAlive(connections[1]?.pid ?? 0));
    for (const last of [client, connections[1]?.client]) {
      last?.close();
      await last?.closed;
    }
  });

  test("a new connection takes the place of one whose agent is still ending, and waits for it", async () => {
    const stubborn = [await open(), await open()];
    for (const { client } of stubborn) {
      await client.request("stand-in/ignore_end");
      client.close();
      await client.closed;
    }
    const { client, pid } = await open();
    const alive = stubborn.filter((old) => isAlive(old.pid));
    assert.ok(alive.length < 2, "there are never more agents than fit");
    client.close();
    assert.ok(await gone(pid, 1000));
  });

  test("an agent that can't be started closes the socket and makes the gateway unready", async () => {
    const broken = await GatewayProcess.start({ ACP_GATEWAY_AGENT_COMMAND: '["/no/such/agent"]' });
    const ready = await broken.fetch("/readyz");
    const problem = { status: "not ready", obstacle: "the agent's program is not installed" };
    assert.deepEqual([ready.status, await ready.json()], [503, problem]);
    assert.equal((await broken.fetch("/healthz")).status, 200);
    const client = await Client.open(broken.port);
    client.notify("initialize");
    assert.deepEqual(await client.closed, { code: 1011, reason: "the agent could not be started" });
    assert.equal(await broken.metric("acp_gateway_agents"), 0);
    await broken.stop();
    const nowhere = await GatewayProcess.start({ WORKSPACE: "/no/such/folder" });
    assert.equal((await nowhere.fetch("/readyz")).status, 503);
    await nowhere.stop();
  });
});
