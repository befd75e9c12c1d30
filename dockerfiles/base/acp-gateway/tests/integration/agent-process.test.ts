import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { AgentProcess } from "../../src/agent-process.js";

const WAITS = { inputMs: 200, termMs: 200 };

function start(...command: [string, ...string[]]): Promise<AgentProcess> {
  return AgentProcess.start({ command, directory: "/tmp", environment: process.env, marker: "test" });
}

suite("agent process", () => {
  test("it is over only when all that it printed was read", async () => {
    const agent = await start("head", "-c", "90000", "/dev/zero");
    let bytes = 0;
    agent.stdout.on("data", (chunk: Buffer) => (bytes += chunk.length));
    agent.stdout.pause(); // As for a client that is behind; what waits in the pipe is little, and read at the exit.
    assert.deepEqual(await agent.exited, { code: 0, signal: null });
    assert.equal(bytes, 90_000);
  });

  test("a program that keeps its output open does not keep it from being over", async () => {
    const started = performance.now();
    const agent = await start("sh", "-c", "setsid sleep 3 & sleep 0.3; exit 0");
    agent.stdout.resume();
    assert.deepEqual(await agent.exited, { code: 0, signal: null });
    assert.ok(performance.now() - started < 2500);
  });

  test("it is told to end by its input, then by SIGTERM, then by SIGKILL", async () => {
    const polite = await start("cat");
    await polite.end(WAITS);
    assert.deepEqual(await polite.exited, { code: 0, signal: null });
    const deaf = await start("sleep", "60");
    await deaf.end(WAITS);
    assert.deepEqual(await deaf.exited, { code: null, signal: "SIGTERM" });
    const stubborn = await start("sh", "-c", "trap '' TERM; while :; do sleep 1; done");
    await wait(100);
    await stubborn.end(WAITS);
    assert.deepEqual(await stubborn.exited, { code: null, signal: "SIGKILL" });
  });

  test("a second call with shorter waits hastens the first", async () => {
    const agent = await start("sleep", "60");
    const started = performance.now();
    void agent.end({ inputMs: 60_000, termMs: 60_000 });
    await agent.end(WAITS);
    assert.ok(performance.now() - started < 2000);
  });

  test("a program that is not there can't be started", async () => {
    await assert.rejects(start("/no/such/program"), { code: "ENOENT" });
  });
});
