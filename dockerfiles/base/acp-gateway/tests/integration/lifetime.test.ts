import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { gone, isAlive } from "../processes.js";

suite("lifetime", () => {
  test("the gateway listens within a second", async () => {
    const started = performance.now();
    const gateway = await GatewayProcess.start();
    assert.ok(performance.now() - started < 1000);
    assert.equal((await gateway.fetch("/readyz")).status, 200);
    await gateway.stop();
  });

  test("without a token only loopback is listened on, with a warning that names the variable", async () => {
    const gateway = await GatewayProcess.start({
      ACP_GATEWAY_PASSWORD: "",
      ACP_GATEWAY_HOST: "",
      OPENCODE_HOST: "0.0.0.0",
    });
    assert.equal((await gateway.event("listening"))["host"], "127.0.0.1");
    assert.match((await gateway.event("no_token"))["advice"] as string, /ACP_GATEWAY_PASSWORD/);
    const client = await Client.open(gateway.port, { headers: { authorization: "" } });
    assert.deepEqual((await client.request("stand-in/echo", { x: 1 })).result, { x: 1 });
    assert.equal(await Client.refused(gateway.port, { headers: { host: "evil.example" } }), 403);
    await gateway.stop();
  });

  test("an address from outside without a token is refused with what to do", async () => {
    const gateway = await GatewayProcess.start({ ACP_GATEWAY_PASSWORD: "", ACP_GATEWAY_HOST: "0.0.0.0" });
    assert.equal(await gateway.exited, 2);
    assert.match((await gateway.event("settings_refused"))["problem"] as string, /set ACP_GATEWAY_PASSWORD/);
  });

  test("a port that is taken ends the gateway with an event that says so", async () => {
    const first = await GatewayProcess.start();
    const second = await GatewayProcess.start({ ACP_GATEWAY_PORT: String(first.port) });
    assert.equal(await second.exited, 1);
    assert.equal((await second.event("crashed"))["error"], "EADDRINUSE");
    await first.stop();
  });

  test("a shutdown closes with 1001, ends every agent, even a stubborn one, and takes three seconds at most", async () => {
    const gateway = await GatewayProcess.start();
    const clients = await Promise.all([1, 2, 3].map(() => Client.open(gateway.port)));
    const pids: number[] = [];
    for (const client of clients) {
      const { result } = await client.request("stand-in/process");
      pids.push(result?.["pid"] as number);
    }
    await clients[0]?.request("stand-in/ignore_end");
    const idle = await Client.open(gateway.port);
    const started = performance.now();
    gateway.signal("SIGTERM");
    gateway.signal("SIGTERM");
    for (const client of [...clients, idle]) {
      assert.deepEqual(await client.closed, { code: 1001, reason: "the gateway is shutting down" });
    }
    assert.equal(await gateway.exited, 0);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds < 3, `it took ${seconds.toFixed(1)} s`);
    for (const pid of pids) assert.ok(await gone(pid, 100));
    assert.ok(await gateway.event("stopped"), "it was not cut short");
  });

  test("an idle gateway stops at once, and one whose clients do not answer within three seconds", async () => {
    const idle = await GatewayProcess.start();
    const started = performance.now();
    assert.equal(await idle.stop(), 0);
    assert.ok(performance.now() - started < 500);
    const gateway = await GatewayProcess.start();
    const client = await Client.open(gateway.port);
    const { result } = await client.request("stand-in/process");
    client.socket.pause();
    const stopping = performance.now();
    assert.equal(await gateway.stop(), 0);
    assert.ok(performance.now() - stopping < 3000);
    assert.ok(await gone(result?.["pid"] as number, 100));
    client.socket.terminate();
  });

  test("a client that vanishes is noticed by its silence, and its agent ended", async () => {
    const gateway = await GatewayProcess.start({ ACP_GATEWAY_PING_SECONDS: "0.1", ACP_GATEWAY_SILENCE_SECONDS: "0.5" });
    const living = await Client.open(gateway.port);
    const client = await Client.open(gateway.port);
    const { result } = await client.request("stand-in/process");
    const survivor = (await living.request("stand-in/process")).result;
    client.socket.pause(); // It answers no ping, and says no goodbye.
    assert.ok(await gone(result?.["pid"] as number, 3000));
    assert.equal(await gateway.metric('acp_gateway_rejected_total{reason="silent"}'), 1);
    assert.ok(isAlive(survivor?.["pid"] as number), "who answers pings lives on");
    await gateway.stop();
    client.socket.terminate();
  });

  test("agents end even when the gateway is killed", async () => {
    const gateway = await GatewayProcess.start();
    const client = await Client.open(gateway.port);
    const { result } = await client.request("stand-in/process");
    gateway.signal("SIGKILL");
    assert.equal((await client.closed).code, 1006);
    assert.ok(await gone(result?.["pid"] as number, 1000));
  });
});
