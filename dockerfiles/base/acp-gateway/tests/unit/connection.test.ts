import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, suite, test } from "node:test";

import { AgentSlots } from "../../src/agent-slots.js";
import { DISCONNECT_WAITS, SHUTDOWN_WAITS } from "../../src/hosted-agent.js";
import { jsonLog } from "../../src/log.js";
import { Metrics } from "../../src/metrics.js";
import { readSettings } from "../../src/settings.js";
import { connect } from "./connecting.js";
import { MemoryAgent, MemorySocket, settled } from "./streams.js";

const SECRET = "the body of a message";
const MESSAGE = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: { text: SECRET } });
const BIG = JSON.stringify({ jsonrpc: "2.0", method: "x", params: "x".repeat(5000) });

interface Options {
  readonly reads?: boolean;
  readonly slots?: AgentSlots;
  readonly fails?: boolean;
  readonly environment?: Readonly<Record<string, string>>;
}

function setUp({ reads = true, slots = new AgentSlots(1), fails = false, environment = {} }: Options = {}) {
  const socket = new MemorySocket();
  const agent = new MemoryAgent(reads);
  const log: string[] = [];
  const started: string[] = [];
  const metrics = new Metrics({ connections: () => 1, maxConnections: 1, agents: () => slots.used });
  const { connection, directory } = connect(socket, {
    settings: readSettings(environment, 1e9),
    slots,
    metrics,
    log: jsonLog((line) => log.push(line)),
    startAgent: (id) => {
      started.push(id);
      return fails ? Promise.reject(Object.assign(new Error("no"), { code: "ENOENT" })) : Promise.resolve(agent);
    },
  });
  return { socket, agent, log, started, metrics, connection, directory, slots };
}

suite("connection", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
  });
  afterEach(() => {
    mock.timers.reset();
  });

  test("the agent starts with the first message and gets it, and all that came meanwhile", async () => {
    const { socket, agent, started } = setUp();
    await settled();
    assert.deepEqual(started, []);
    socket.receive(MESSAGE);
    assert.ok(socket.isPaused, "the client rests until the agent runs");
    socket.receive(BIG);
    await settled();
    assert.deepEqual(started, ["id-1"]);
    assert.equal(agent.stdin.text, `${MESSAGE}\n${BIG}\n`);
    assert.ok(!socket.isPaused);
  });

  test("a client that leaves ends its agent, and gives the slot back once it is gone", async () => {
    const { socket, agent, connection, slots } = setUp();
    socket.receive(MESSAGE);
    await settled();
    assert.equal(slots.used, 1);
    socket.finishClosing();
    await connection.closed;
    assert.deepEqual(agent.ends, [DISCONNECT_WAITS]);
    await settled();
    assert.equal(slots.used, 0);
  });

  test("an agent that ends closes the socket with how it ended", async () => {
    for (const [exit, reason] of [
      [{ code: 3, signal: null }, "the agent exited with code 3"],
      [{ code: null, signal: "SIGKILL" }, "SIGKILL ended the agent"],
    ] as const) {
      const { socket, agent } = setUp();
      socket.receive(MESSAGE);
      await settled();
      agent.stdout.write('{"id":1}\n');
      await settled();
      agent.exit(exit);
      await settled();
      assert.deepEqual(socket.closings, [{ code: 1011, reason }]);
    }
  });

  test("an agent that can't be started closes the socket and holds no slot", async () => {
    const { socket, slots, metrics } = setUp({ fails: true });
    socket.receive(MESSAGE);
    await settled();
    assert.equal(socket.closings[0]?.code, 1011);
    assert.equal(slots.used, 0);
    assert.equal(metrics.rejected.value("agent_failed"), 1);
  });

  test("wrong frames close with the code that says why, and start nothing", async () => {
    for (const [frame, isBinary, code, answer] of [
      [MESSAGE, true, 1003, undefined],
      ["{", false, 1007, -32700],
      ["{}", false, 1007, -32600],
    ] as const) {
      const { socket, started } = setUp();
      socket.receive(frame, isBinary);
      socket.receive(MESSAGE);
      await settled();
      assert.equal(socket.closings[0]?.code, code);
      const [sent] = socket.sent.map((text) => JSON.parse(text) as { error: { code: number } });
      assert.equal(sent?.error.code, answer);
      assert.deepEqual(started, [], "what follows is not looked at");
    }
  });

  test("a batch is answered with an error that says what to do, and costs neither the connection nor an agent", async () => {
    const { socket, started } = setUp();
    for (const batch of ["[]", `[${MESSAGE}]`]) {
      socket.receive(batch);
      const { id, error } = JSON.parse(socket.sent.pop() ?? "{}") as {
        id: null;
        error: { code: number; message: string };
      };
      assert.deepEqual([id, error.code], [null, -32600]);
      assert.match(error.message, /send each message alone/);
    }
    assert.deepEqual([socket.closings, started], [[], []]);
    socket.receive(MESSAGE);
    await settled();
    assert.deepEqual(started, ["id-1"]);
  });

  test("a client that sends nothing is closed after a while; one that spoke is not", async () => {
    const silent = setUp({ environment: { ACP_GATEWAY_FIRST_MESSAGE_SECONDS: "2" } });
    const speaking = setUp({ environment: { ACP_GATEWAY_FIRST_MESSAGE_SECONDS: "2" } });
    speaking.socket.receive(MESSAGE);
    await settled();
    mock.timers.tick(1999);
    assert.deepEqual(silent.socket.closings, []);
    mock.timers.tick(1);
    assert.deepEqual(silent.socket.closings, [{ code: 1008, reason: "nothing was sent" }]);
    assert.deepEqual(speaking.socket.closings, []);
  });

  test("a second agent waits for the slot of one that is still ending", async () => {
    const slots = new AgentSlots(1);
    const release = await slots.acquire(new AbortController().signal);
    const { socket, agent, started } = setUp({ slots });
    socket.receive(MESSAGE);
    await settled();
    assert.deepEqual(started, []);
    assert.ok(socket.isPaused);
    release();
    await settled();
    assert.deepEqual(started, ["id-1"]);
    assert.equal(agent.stdin.text, `${MESSAGE}\n`);
  });

  test("a client that leaves while it waits for a slot starts no agent and takes none", async () => {
    const slots = new AgentSlots(1);
    const release = await slots.acquire(new AbortController().signal);
    const { socket, started, connection } = setUp({ slots });
    socket.receive(MESSAGE);
    socket.finishClosing();
    await connection.closed;
    release();
    await settled();
    assert.deepEqual(started, []);
    assert.equal(slots.used, 0);
  });

  test("a shutdown says so, and gives an agent little time, even one that was ending already", async () => {
    const { socket, agent, directory } = setUp();
    socket.receive(MESSAGE);
    await settled();
    void directory.shutDown();
    void directory.shutDown();
    assert.equal(socket.closings[0]?.code, 1001);
    assert.ok(agent.ends.includes(SHUTDOWN_WAITS));
  });

  test("a log holds no part of a message", async () => {
    const { socket, agent, log } = setUp();
    socket.receive(MESSAGE);
    await settled();
    agent.stdout.write(`{"result":"${SECRET}"}\n${SECRET}\n`);
    agent.stderr.write(`Error handling request { text: "${SECRET}" }\n`);
    await settled();
    socket.receive(`{"broken": "${SECRET}`);
    await settled();
    socket.finishClosing();
    await settled();
    assert.ok(log.some((line) => line.includes("agent_stray_line")));
    assert.ok(log.some((line) => line.includes("agent_exited")));
    assert.ok(!log.join("").includes(SECRET), log.join(""));
  });
});
