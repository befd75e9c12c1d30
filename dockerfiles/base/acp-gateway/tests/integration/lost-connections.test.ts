import assert from "node:assert/strict";
import { afterEach, beforeEach, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { childrenOf, gone, isAlive, openFiles, settledBytes } from "../processes.js";

function numbers(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => String(from + index));
}

async function cut(client: Client): Promise<void> {
  client.socket.terminate();
  await client.closed;
}

const LIMITS = { timeout: 20_000 };

suite("lost connections", { timeout: 60_000 }, () => {
  let gateway: GatewayProcess;
  beforeEach(async () => {
    gateway = await GatewayProcess.start({
      ACP_GATEWAY_MAX_CONNECTIONS: "1",
      ACP_GATEWAY_DETACH_SECONDS: "3",
      ACP_GATEWAY_DETACH_BUFFER_BYTES: "100000",
    });
  });
  afterEach(async () => {
    await gateway.stop();
  });

  async function open(): Promise<Client> {
    return Client.open(gateway.port);
  }

  test("a turn goes on without its client, which gets the rest and the end when it resumes", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    const agents = childrenOf(gateway.pid);
    first.prompt(sessionId, "count 12 every 50");
    await first.answer(() => first.spoken.includes("3"));
    await wait(20); // What it has is confirmed.
    await cut(first);
    await wait(200);
    const second = await open();
    const { result } = await second.reenter("session/resume", sessionId);
    assert.equal(result?.["sessionId"], sessionId, "as it was answered first");
    assert.deepEqual(await second.told("_codeopen/turn_ended"), { sessionId, result: { stopReason: "end_turn" } });
    const seen = [...first.spoken, ...second.spoken];
    assert.deepEqual(seen, numbers(1, 12), "everything once and in order");
    const replayed = await second.told("_codeopen/replay");
    assert.ok((replayed["messages"] as number) > 2);
    assert.deepEqual([replayed["dropped"], replayed["turnRuns"]], [0, true]);
    assert.deepEqual(childrenOf(gateway.pid), agents, "it is the same agent, and the only one");
    assert.equal((await second.request("stand-in/echo", { x: 1 })).result?.["x"], 1, "who is back controls");
    second.close();
    assert.ok(await gone(agents[0] ?? 0, 2000), "who says goodbye leaves nothing");
  });

  test("a turn that ended meanwhile is told of, by session/load too, which tells the past once", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    first.prompt(sessionId, "count 5 every 30");
    await first.answer(() => first.spoken.includes("2"));
    await cut(first);
    await wait(400);
    const second = await open();
    const { result } = await second.reenter("session/load", sessionId);
    assert.ok(result !== undefined);
    assert.deepEqual(second.spoken, numbers(1, 5));
    assert.deepEqual(await second.told("_codeopen/turn_ended"), { sessionId, result: { stopReason: "end_turn" } });
    const again = second.prompt(sessionId, "count 1 every 1");
    await second.answer(({ id, method }) => id === again && method === undefined);
    assert.deepEqual(second.spoken, [...numbers(1, 5), "1"]);
    second.close();
    await second.closed;
  });

  test("a request for a permission waits for the client that comes back", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    first.prompt(sessionId, "write a file");
    await first.told("session/request_permission");
    await cut(first);
    const second = await open();
    await second.reenter("session/resume", sessionId);
    const { id } = await second.answer(({ method }) => method === "session/request_permission");
    second.send(JSON.stringify({ jsonrpc: "2.0", id, result: { outcome: { outcome: "selected", optionId: "yes" } } }));
    await second.told("_codeopen/turn_ended");
    second.close();
    await second.closed;
  });

  test("what was sent and not confirmed is sent again to the client that comes back", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    first.socket.pause(); // A network that takes everything and brings nothing: no confirmation comes.
    first.prompt(sessionId, "count 4 every 10");
    await wait(300);
    const second = await open();
    const started = performance.now();
    await second.reenter("session/resume", sessionId);
    assert.ok(performance.now() - started < 5000, "it does not wait for the silence of the first");
    await second.told("_codeopen/turn_ended");
    assert.deepEqual(second.spoken, numbers(1, 4));
    assert.equal((await second.request("stand-in/echo", { x: 1 })).result?.["x"], 1, "it controls");
    first.socket.terminate();
    second.close();
    await second.closed;
  });

  test("what does not fit in the buffer is dropped, the oldest first, and said so", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    first.prompt(sessionId, "count 10 every 20 of 20000");
    await first.answer(() => first.spoken.length === 1);
    await wait(20);
    await cut(first);
    await wait(500);
    const second = await open();
    await second.reenter("session/resume", sessionId);
    const { dropped, advice } = await second.told("_codeopen/replay");
    assert.ok((dropped as number) >= 4 && (dropped as number) <= 7, `${String(dropped)} were dropped`);
    assert.match(advice as string, /session\/load/);
    await second.told("_codeopen/turn_ended");
    assert.equal(second.spoken.at(-1)?.split(" ")[0], "10");
    second.close();
    await second.closed;
  });

  test("a request that has the id of one of the lost client's gets its own answer", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    const id = first.prompt(sessionId, "count 10 every 30");
    await cut(first);
    const second = await open();
    await second.reenter("session/resume", sessionId);
    while (second.ask("stand-in/echo", { mine: true }) < id) await wait(1);
    const answer = await second.answer((message) => message.id === id && message.result?.["mine"] === true);
    assert.ok(answer.result !== undefined);
    await second.told("_codeopen/turn_ended");
    second.close();
    await second.closed;
  });

  test("an agent that nobody comes back to ends when its time is over", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    const [pid = 0] = childrenOf(gateway.pid);
    first.prompt(sessionId, "count 1000 every 30");
    await cut(first);
    await wait(1500);
    assert.ok(isAlive(pid));
    assert.ok(await gone(pid, 8000)); // It goes on counting until it is told to end.
    const second = await open();
    await second.reenter("session/load", sessionId);
    assert.equal(
      (await second.told("_codeopen/turn_lost"))["sessionId"],
      sessionId,
      "and that its turn was lost is said",
    );
    second.close();
    await second.closed;
  });

  test("a newcomer takes the place of an agent that does nothing, and never of one that works", LIMITS, async () => {
    const first = await open();
    const working = await first.begin();
    const [pid = 0] = childrenOf(gateway.pid);
    first.prompt(working, "count 20 every 50");
    await cut(first);
    const refused = await open();
    await refused.request("initialize");
    refused.ask("session/new", { cwd: "/tmp", mcpServers: [] });
    assert.equal((await refused.closed).code, 1013);
    assert.ok(isAlive(pid));
    await wait(1200);
    const served = await open();
    await served.begin();
    assert.ok(await gone(pid, 100));
    served.close();
    await served.closed;
  });

  test("who only looks around costs no agent", LIMITS, async () => {
    const first = await open();
    const sessionId = await first.begin();
    first.prompt(sessionId, "count 1 every 1");
    await first.answer(() => first.spoken.length === 1);
    await cut(first);
    const second = await open();
    await second.request("initialize");
    const { result } = await second.request("session/list");
    assert.deepEqual(result?.["sessions"], [{ sessionId, cwd: "/tmp" }]);
    await second.request("session/resume", { sessionId });
    second.close();
    await second.closed;
  });

  test(
    "50 clients that are lost and come back leave neither memory nor files behind",
    { timeout: 60_000 },
    async () => {
      const first = await Client.open(gateway.port);
      const sessionId = await first.begin();
      let client = first;
      const cycle = async (): Promise<void> => {
        await client.request("session/prompt", {
          sessionId,
          prompt: [{ type: "text", text: "count 20 every 1 of 50000" }],
        });
        client.socket.terminate();
        await client.closed;
        client = await Client.open(gateway.port);
        await client.reenter("session/resume", sessionId);
      };
      for (let round = 0; round < 10; round += 1) await cycle();
      const before = { bytes: await settledBytes(gateway.pid), files: openFiles(gateway.pid) };
      for (let round = 0; round < 50; round += 1) await cycle();
      const grown = (await settledBytes(gateway.pid)) - before.bytes;
      // 50 MB went through; what one keeps for the lost is 8 MB at most.
      assert.ok(grown < 20e6, `${grown} bytes more`);
      assert.equal(openFiles(gateway.pid), before.files);
      client.close();
      await client.closed;
    },
  );
});
