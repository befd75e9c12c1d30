import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { SlowLink } from "../slow-link.js";

const MB = 1_000_000;
const SILENCE_MS = 2500;
/** A message of 10 MB takes twice as long as anybody may be silent. */
const BYTES_PER_SECOND = 1.8 * MB;
const BIG = 10 * MB;
const ENVIRONMENT = {
  ACP_GATEWAY_PING_SECONDS: "0.1",
  ACP_GATEWAY_SILENCE_SECONDS: String(SILENCE_MS / 1000),
  ACP_GATEWAY_FIRST_MESSAGE_SECONDS: String(SILENCE_MS / 1000),
};

suite("slow clients", () => {
  let gateway: GatewayProcess;
  let link: SlowLink;
  before(async () => {
    gateway = await GatewayProcess.start(ENVIRONMENT);
    link = await SlowLink.to(gateway.port, BYTES_PER_SECOND);
  });
  after(async () => {
    link.close();
    await gateway.stop();
  });

  test("a first message that takes long to come in is waited for", async () => {
    const client = await Client.open(link.port);
    const started = performance.now();
    const { result } = await client.request("stand-in/length", { text: "x".repeat(BIG) });
    assert.ok(performance.now() - started > 2 * SILENCE_MS, "it was no slow link");
    assert.deepEqual(result, { length: BIG });
    client.close();
    await client.closed;
  });

  test("a message that takes long to go out is taken to its end", async () => {
    const client = await Client.open(link.port);
    await client.request("initialize");
    const started = performance.now();
    client.notify("stand-in/flood", { count: 1, bytes: BIG });
    await client.answer(({ params }) => params?.["index"] === 0);
    assert.ok(performance.now() - started > 2 * SILENCE_MS, "it was no slow link");
    assert.deepEqual((await client.request("stand-in/echo", { x: 1 })).result, { x: 1 });
    client.close();
    await client.closed;
  });

  test("a client that becomes slow once its machine holds much for it is waited for", async () => {
    const client = await Client.open(link.port);
    await client.request("initialize");
    for (const rate of [100 * BYTES_PER_SECOND, BYTES_PER_SECOND]) {
      link.bytesPerSecond = rate;
      await client.request("stand-in/flood", { count: 1, bytes: BIG });
    }
    client.close();
    await client.closed;
  });

  test("an agent that reads a big message slowly does not count as stalled", async () => {
    const client = await Client.open(gateway.port);
    await client.request("stand-in/read_slowly", { every: 40 });
    const started = performance.now();
    const { result } = await client.request("stand-in/length", { text: "x".repeat(BIG) });
    assert.ok(performance.now() - started > 2 * SILENCE_MS, "the agent was not slow");
    assert.deepEqual(result, { length: BIG });
    client.close();
    await client.closed;
  });

  test("a client that stops in the middle of a message is cut off in time, whichever way the message goes", async () => {
    const [sending, reading] = await Promise.all([Client.open(gateway.port), Client.open(gateway.port)]);
    await Promise.all([sending.request("initialize"), reading.request("initialize")]);
    for (const { socket } of [sending, reading]) socket.pause(); // No pong any more.
    sending.socket.send('{"jsonrpc":"2.0",', { fin: false });
    reading.notify("stand-in/flood", { count: 1, bytes: 60 * MB });
    const started = performance.now();
    while ((await gateway.metric('acp_gateway_rejected_total{reason="silent"}')) < 2) {
      assert.ok(performance.now() - started < 10 * SILENCE_MS, "it was not cut off");
      await wait(50);
    }
    for (const { socket } of [sending, reading]) socket.terminate();
  });

  test("pongs are no first message, and no part of one", async () => {
    const client = await Client.open(gateway.port);
    assert.deepEqual(await client.closed, { code: 1008, reason: "nothing was sent" });
  });

  test("an agent that takes a part of a message and then nothing more is stalled", async () => {
    const client = await Client.open(gateway.port);
    await client.request("stand-in/stop_reading");
    client.notify("x", { text: "x".repeat(BIG) });
    const [code, reason] = (await once(client.socket, "close")) as [number, Buffer];
    assert.deepEqual([code, reason.toString()], [1011, "the agent does not read"]);
  });
});
