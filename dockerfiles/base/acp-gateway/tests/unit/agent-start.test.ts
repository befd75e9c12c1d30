import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, suite, test } from "node:test";

import type { AgentExit } from "../../src/agent-process.js";
import { AgentSlots } from "../../src/agent-slots.js";
import { jsonLog } from "../../src/log.js";
import { Metrics } from "../../src/metrics.js";
import { readSettings } from "../../src/settings.js";
import { connect } from "./connecting.js";
import { MemoryAgent, MemorySocket, settled } from "./streams.js";

const FAILED: AgentExit = { code: 1, signal: null };
const INITIALIZE = '{"jsonrpc":"2.0","id":1,"method":"initialize"}';
const NEXT = '{"jsonrpc":"2.0","id":2,"method":"session/new"}';
const ATTEMPTS = 5;

function setUp() {
  const socket = new MemorySocket();
  const agents: MemoryAgent[] = [];
  const slots = new AgentSlots(1);
  const { connection } = connect(socket, {
    settings: readSettings({}, 1e9),
    slots,
    metrics: new Metrics({ connections: () => 1, maxConnections: 1, agents: () => 1 }),
    log: jsonLog(() => undefined),
    startAgent: () => {
      const agent = new MemoryAgent();
      agents.push(agent);
      return Promise.resolve(agent);
    },
  });
  return { socket, agents, slots, connection };
}

async function fail(agent: MemoryAgent | undefined, exit = FAILED): Promise<void> {
  agent?.exit(exit);
  await settled();
}

async function waitLong(): Promise<void> {
  mock.timers.tick(5000);
  await settled();
}

suite("an agent that fails at its start", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
  });
  afterEach(() => {
    mock.timers.reset();
  });

  test("is started again, and gets all that the client sent", async () => {
    const { socket, agents } = setUp();
    socket.receive(INITIALIZE);
    await settled();
    socket.receive(NEXT);
    await fail(agents[0]);
    assert.ok(socket.isPaused, "the client rests in between");
    await waitLong();
    assert.equal(agents.length, 2);
    assert.equal(agents[1]?.stdin.text, `${INITIALIZE}\n${NEXT}\n`);
    assert.ok(!socket.isPaused);
    agents[1].stdout.write('{"id":1}\n');
    await settled();
    assert.deepEqual(socket.sent, ['{"id":1}']);
    assert.deepEqual(socket.closings, []);
  });

  test("is given up after some attempts, with how it ended", async () => {
    const { socket, agents, slots } = setUp();
    socket.receive(INITIALIZE);
    await settled();
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      assert.deepEqual(socket.closings, []);
      assert.equal(agents.length, attempt + 1);
      await fail(agents[attempt]);
      await waitLong();
    }
    assert.equal(agents.length, ATTEMPTS);
    assert.deepEqual(socket.closings, [{ code: 1011, reason: "the agent exited with code 1" }]);
    assert.equal(slots.used, 0);
  });

  test("is not started again once it has said something, was killed, or ended well", async () => {
    for (const exit of [{ code: 0, signal: null }, { code: null, signal: "SIGKILL" } as const]) {
      const { socket, agents } = setUp();
      socket.receive(INITIALIZE);
      await settled();
      await fail(agents[0], exit);
      await waitLong();
      assert.equal(agents.length, 1);
      assert.equal(socket.closings.length, 1);
    }
    const { socket, agents } = setUp();
    socket.receive(INITIALIZE);
    await settled();
    agents[0]?.stdout.write('{"id":1}\n');
    await settled();
    await fail(agents[0]);
    await waitLong();
    assert.equal(agents.length, 1);
    assert.equal(socket.closings.length, 1);
  });

  test("is not started again when the client has left, or sent too much to repeat", async () => {
    const left = setUp();
    left.socket.receive(INITIALIZE);
    await settled();
    await fail(left.agents[0]);
    left.socket.finishClosing();
    await left.connection.closed;
    await waitLong();
    assert.equal(left.agents.length, 1);
    assert.equal(left.slots.used, 0);
    const large = setUp();
    large.socket.receive(JSON.stringify({ jsonrpc: "2.0", method: "x".repeat(2 << 20) }));
    // So large a message is scanned in turns.
    while (large.agents.length === 0) await settled();
    await fail(large.agents[0]);
    await waitLong();
    assert.equal(large.agents.length, 1);
    assert.equal(large.socket.closings[0]?.code, 1011);
  });
});
