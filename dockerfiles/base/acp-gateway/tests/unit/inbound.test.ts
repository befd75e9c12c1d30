import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { Inbound } from "../../src/inbound.js";
import { MemoryInput, MemorySocket, settled } from "./streams.js";

const MESSAGE = '{"jsonrpc":"2.0","method":"x"}';
const BIG = JSON.stringify({ jsonrpc: "2.0", method: "x", params: "x".repeat(5000) });

function asMessage(text: string): { parts: Buffer[]; bytes: number } {
  const parts = [Buffer.from(text.slice(0, 5)), Buffer.from(text.slice(5))];
  return { parts, bytes: Buffer.byteLength(text) };
}

suite("inbound", () => {
  test("each message becomes one line, byte for byte and in order", async () => {
    const stdin = new MemoryInput(true);
    const relayed: number[] = [];
    const inbound = new Inbound(new MemorySocket(), stdin, (bytes) => relayed.push(bytes));
    const messages = [MESSAGE, ' {"jsonrpc":"2.0",  "a":1.0e3, "a":2}', BIG];
    for (const message of messages) inbound.write(asMessage(message));
    await settled();
    assert.equal(stdin.text, messages.map((message) => `${message}\n`).join(""));
    assert.deepEqual(
      relayed,
      messages.map((message) => message.length),
    );
  });

  test("the socket rests while the agent's input is full, and goes on when it is empty", async () => {
    const socket = new MemorySocket();
    const stdin = new MemoryInput(false);
    const inbound = new Inbound(socket, stdin, () => undefined);
    inbound.write(asMessage(MESSAGE));
    assert.ok(!socket.isPaused, "a little fits in between");
    inbound.write(asMessage(BIG));
    assert.ok(socket.isPaused);
    assert.notEqual(inbound.blockedSince, null);
    stdin.open();
    await settled();
    assert.ok(!socket.isPaused);
    assert.equal(inbound.blockedSince, null);
    assert.equal(stdin.text, `${MESSAGE}\n${BIG}\n`);
  });

  test("an agent that closed its input neither fails nor blocks the relay", async () => {
    const socket = new MemorySocket();
    const stdin = new MemoryInput(false);
    const inbound = new Inbound(socket, stdin, () => assert.fail("nothing was relayed"));
    inbound.write(asMessage(BIG));
    stdin.destroy(new Error("EPIPE"));
    await settled();
    assert.ok(!socket.isPaused);
    inbound.write(asMessage(BIG));
    assert.equal(inbound.blockedSince, null);
  });
});
