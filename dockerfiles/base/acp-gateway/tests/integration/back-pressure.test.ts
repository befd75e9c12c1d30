import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { residentBytes, settledBytes } from "../processes.js";

const MIB = 1 << 20;

suite("back-pressure", () => {
  let gateway: GatewayProcess;
  beforeEach(async () => {
    gateway = await GatewayProcess.start();
  });
  afterEach(async () => {
    await gateway.stop();
  });

  test("a client that does not read makes its agent wait, and gets everything when it reads again", async () => {
    const client = await Client.open(gateway.port);
    await client.request("initialize");
    const before = residentBytes(gateway.pid);
    const count = 300;
    client.socket.pause();
    client.notify("stand-in/flood", { count, bytes: MIB / 2 });
    while ((await gateway.metric('acp_gateway_messages_total{direction="outbound"}')) < 3) await wait(10);
    const grown = (await settledBytes(gateway.pid)) - before;
    assert.ok(grown < 60 * MIB, `the gateway holds ${Math.round(grown / MIB)} MiB of 150`);
    assert.equal(((await (await gateway.fetch("/healthz")).json()) as { status: string }).status, "ok");
    client.socket.resume();
    await client.answer(({ params }) => params?.["index"] === count - 1);
    assert.equal(client.received.filter((text) => text.includes("stand-in/drop")).length, count);
    client.close();
    await client.closed;
  });

  test("an agent that does not read makes its client wait", async () => {
    const client = await Client.open(gateway.port);
    await client.request("stand-in/stop_reading");
    const before = residentBytes(gateway.pid);
    const message = JSON.stringify({ jsonrpc: "2.0", method: "x", params: "x".repeat(MIB) });
    for (let sent = 0; sent < 150; sent += 1) client.send(message);
    const grown = (await settledBytes(gateway.pid)) - before;
    assert.ok(grown < 60 * MIB, `the gateway holds ${Math.round(grown / MIB)} MiB of 150`);
    assert.ok(client.socket.bufferedAmount > 50 * MIB, "the rest is still with the client");
    client.socket.terminate();
    await client.closed;
  });
});
