import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { gone } from "../processes.js";

const LIMITS = { timeout: 15_000 };

suite("stopping during a turn", () => {
  test("a turn may end, nobody is let in, and the gateway stops right after", LIMITS, async () => {
    const gateway = await GatewayProcess.start({ ACP_GATEWAY_DRAIN_SECONDS: "10" });
    const working = await Client.open(gateway.port);
    const sessionId = await working.begin();
    const idle = await Client.open(gateway.port);
    const idleSession = await idle.begin();
    assert.ok(idleSession !== sessionId);
    const id = working.prompt(sessionId, "count 12 every 100");
    await working.answer(() => working.spoken.length > 0);
    gateway.signal("SIGTERM");
    assert.equal((await idle.closed).code, 1001, "who does nothing does not wait");
    assert.equal((await working.told("_codeopen/draining"))["seconds"], 10);
    assert.equal(await Client.refused(gateway.port), 503);
    assert.equal((await gateway.fetch("/readyz")).status, 503);
    const { error } = await working.request("session/prompt", { sessionId, prompt: [] });
    assert.equal(error?.code, -32011, "no other turn begins");
    const answer = await working.answer((message) => message.id === id && message.method === undefined);
    assert.deepEqual(answer.result, { stopReason: "end_turn" });
    assert.equal(working.spoken.length, 12);
    assert.deepEqual(await working.closed, { code: 1001, reason: "the gateway is shutting down" });
    const closed = performance.now();
    assert.equal(await gateway.exited, 0);
    assert.ok(performance.now() - closed < 3000);
  });

  test("a turn of a client that was lost may end, too", LIMITS, async () => {
    const gateway = await GatewayProcess.start();
    const client = await Client.open(gateway.port);
    const sessionId = await client.begin();
    client.prompt(sessionId, "count 10 every 100");
    await client.answer(() => client.spoken.length > 0);
    client.socket.terminate();
    await client.closed;
    const started = performance.now();
    assert.equal(await gateway.stop(), 0);
    assert.ok(performance.now() - started > 500);
    assert.ok(!gateway.log.some(({ event }) => event === "turns_lost"));
  });

  test("a turn that takes too long ends with the time that it has, and is told of as lost", LIMITS, async () => {
    const state = { ACP_GATEWAY_STATE_DIRECTORY: mkdtempSync(join(tmpdir(), "gateway-state-")) };
    const gateway = await GatewayProcess.start({ ...state, ACP_GATEWAY_DRAIN_SECONDS: "0.5" });
    const client = await Client.open(gateway.port);
    const sessionId = await client.begin();
    client.prompt(sessionId, "count 1000 every 50");
    await client.answer(() => client.spoken.length > 0);
    const started = performance.now();
    assert.equal(await gateway.stop(), 0);
    const seconds = (performance.now() - started) / 1000;
    assert.ok(seconds > 0.4 && seconds < 4, `it took ${seconds.toFixed(1)} s`);
    await expectLost(state, sessionId);
  });

  test(
    "a gateway that is killed during a turn says after its restart that the turn was lost, once",
    LIMITS,
    async () => {
      const state = { ACP_GATEWAY_STATE_DIRECTORY: mkdtempSync(join(tmpdir(), "gateway-state-")) };
      const gateway = await GatewayProcess.start(state);
      const client = await Client.open(gateway.port);
      const sessionId = await client.begin();
      const ended = await client.request("session/prompt", { sessionId, prompt: [{ text: "count 1 every 1" }] });
      assert.deepEqual(ended.result, { stopReason: "end_turn" });
      const { result } = await client.request("stand-in/run", { detached: true });
      client.prompt(sessionId, "count 1000 every 50");
      await client.answer(() => client.spoken.length > 3);
      gateway.signal("SIGKILL");
      await client.closed;
      await expectLost(state, sessionId);
      assert.ok(await gone(result?.["pid"] as number, 3000), "what the agent had detached ended");
    },
  );

  async function expectLost(state: Readonly<Record<string, string>>, sessionId: string): Promise<void> {
    const gateway = await GatewayProcess.start(state);
    for (const [method, tells] of [
      ["session/resume", true],
      ["session/load", false],
    ] as const) {
      const client = await Client.open(gateway.port);
      await client.reenter(method, sessionId);
      await client.request("stand-in/echo");
      assert.equal(
        client.received.some((text) => text.includes("_codeopen/turn_lost")),
        tells,
        method,
      );
      client.close();
      await client.closed;
    }
    await gateway.stop();
  }
});
