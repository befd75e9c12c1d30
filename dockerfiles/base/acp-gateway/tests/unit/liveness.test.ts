import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, suite, test } from "node:test";

import { AgentSlots } from "../../src/agent-slots.js";
import { jsonLog } from "../../src/log.js";
import { Metrics } from "../../src/metrics.js";
import { readSettings } from "../../src/settings.js";
import { connect } from "./connecting.js";
import { MemoryAgent, MemorySocket, settled } from "./streams.js";

const SILENCE_MS = 10_000;
const NO_QUEUES = new Map<string, number>();
const MESSAGE = '{"jsonrpc":"2.0","id":1,"method":"initialize"}';
const BIG = JSON.stringify({ jsonrpc: "2.0", method: "x", params: "x".repeat(5000) });

suite("liveness", () => {
  let now = 0;
  beforeEach(() => {
    now = 1000;
    mock.method(performance, "now", () => now);
  });
  afterEach(() => {
    mock.restoreAll();
  });

  async function setUp(reads = true) {
    const socket = new MemorySocket();
    const agent = new MemoryAgent(reads);
    const metrics = new Metrics({ connections: () => 1, maxConnections: 1, agents: () => 1 });
    const { connection } = connect(socket, {
      settings: readSettings({ ACP_GATEWAY_SILENCE_SECONDS: String(SILENCE_MS / 1000) }, 1e9),
      slots: new AgentSlots(1),
      metrics,
      log: jsonLog(() => undefined),
      startAgent: () => Promise.resolve(agent),
    });
    socket.receive(MESSAGE);
    await settled();
    return { socket, agent, metrics, connection };
  }

  test("a client that answers pings lives on", async () => {
    const { socket, connection } = await setUp();
    for (let round = 1; round <= 10; round += 1) {
      now += SILENCE_MS - 1;
      connection.checkLiveness(NO_QUEUES);
      assert.equal(socket.pings, round);
      socket.emit("pong", Buffer.alloc(0));
    }
    assert.ok(!socket.terminated);
  });

  test("a client that is silent for too long is cut off, and its agent ended", async () => {
    const { socket, agent, metrics, connection } = await setUp();
    now += SILENCE_MS;
    connection.checkLiveness(NO_QUEUES);
    assert.ok(!socket.terminated, "at the limit it is not over it");
    now += 1;
    connection.checkLiveness(NO_QUEUES);
    assert.ok(socket.terminated);
    assert.equal(metrics.rejected.value("silent"), 1);
    await connection.closed;
    assert.equal(agent.ends.length, 1);
  });

  test("a client that can't be heard because its agent is busy is not cut off for it", async () => {
    const { socket, agent, connection } = await setUp(false);
    socket.receive(BIG);
    await settled();
    assert.ok(socket.isPaused);
    now += SILENCE_MS;
    connection.checkLiveness(NO_QUEUES);
    agent.stdin.open();
    await settled();
    assert.ok(!socket.isPaused);
    now += 1;
    connection.checkLiveness(NO_QUEUES);
    assert.ok(!socket.terminated, "it gets the time to answer a ping first");
    assert.deepEqual(socket.closings, []);
  });

  test("an agent that does not read for too long closes the connection with that reason", async () => {
    const { socket, connection } = await setUp(false);
    socket.receive(BIG);
    await settled();
    now += SILENCE_MS + 1;
    connection.checkLiveness(NO_QUEUES);
    assert.deepEqual(socket.closings, [{ code: 1011, reason: "the agent does not read" }]);
  });
});
