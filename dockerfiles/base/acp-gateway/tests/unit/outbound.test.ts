import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { suite, test } from "node:test";

import { HIGH_WATER_BYTES, LOW_WATER_BYTES, Outbound } from "../../src/outbound.js";
import type { Message } from "../../src/message.js";
import { MemorySocket, settled } from "./streams.js";

function setUp(maxLineBytes = 10 * HIGH_WATER_BYTES) {
  const socket = new MemorySocket();
  const stdout = new PassThrough();
  const counts = { relayed: 0, stray: 0, tooLong: 0, unblocked: 0 };
  const sink = {
    get bufferedAmount(): number {
      return socket.bufferedAmount;
    },
    send: ({ parts }: Message, done: () => void) => {
      socket.send(Buffer.concat(parts), undefined, done);
    },
  };
  const outbound = new Outbound(sink, stdout, maxLineBytes, {
    onRelayed: () => (counts.relayed += 1),
    onStrayLine: () => (counts.stray += 1),
    onLineTooLong: () => (counts.tooLong += 1),
    onUnblocked: () => (counts.unblocked += 1),
  });
  return { socket, stdout, counts, outbound };
}

suite("outbound", () => {
  test("each line becomes one frame, byte for byte and in order", async () => {
    const { socket, stdout, counts } = setUp();
    const lines = ['{"jsonrpc":"2.0","id":1.0,  "result":"é"}', '{"jsonrpc":"2.0","method":"_unknown"}'];
    stdout.write(`${lines[0] ?? ""}\n${lines[1]?.slice(0, 9) ?? ""}`);
    await settled();
    assert.deepEqual(socket.sent, lines.slice(0, 1));
    stdout.write(`${lines[1]?.slice(9) ?? ""}\n`);
    await settled();
    assert.deepEqual(socket.sent, lines);
    assert.equal(counts.relayed, 0, "a message counts as relayed once it is handed over");
    socket.readAll();
    assert.equal(counts.relayed, 2);
  });

  test("the agent's output rests while the client is behind, and goes on when little is left", async () => {
    const { socket, stdout, counts, outbound } = setUp();
    const line = `{"text":"${"x".repeat(HIGH_WATER_BYTES / 4)}"}\n`;
    const total = 40;
    let accepted = 0;
    for (let index = 0; index < total; index += 1) stdout.write(line, () => (accepted += 1));
    await settled();
    assert.ok(outbound.blocked && stdout.isPaused());
    assert.ok(socket.bufferedAmount <= HIGH_WATER_BYTES + 2 * line.length, `${socket.bufferedAmount} bytes are held`);
    assert.ok(accepted < total, "the agent feels it");
    const held = socket.sent.length;
    socket.readOne();
    await settled();
    assert.equal(socket.sent.length, held, "not yet: more than a little is left");
    while (socket.bufferedAmount > LOW_WATER_BYTES) socket.readOne();
    await settled();
    assert.equal(counts.unblocked, 1);
    assert.ok(socket.sent.length > held);
    for (let turn = 0; turn < total; turn += 1) {
      socket.readAll();
      await settled();
    }
    assert.equal(socket.sent.length, total);
    assert.ok(!outbound.blocked);
  });

  test("what an agent prints beside its messages is left out and counted", async () => {
    const { socket, stdout, counts } = setUp();
    stdout.write('Server listening\n{"id":1}\n\n[]\n{"cut":\n}{x\n');
    stdout.write(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d, 0x0a]));
    await settled();
    assert.deepEqual(socket.sent, ['{"id":1}']);
    assert.equal(counts.stray, 5);
  });

  test("the messages of a batch go to the client one by one", async () => {
    const { socket, stdout, counts } = setUp();
    stdout.write('[{"id":1,"result":{}},\t{"method":"x","params":[{}]}]\n');
    await settled();
    assert.deepEqual(socket.sent, ['{"id":1,"result":{}}', '{"method":"x","params":[{}]}']);
    assert.equal(counts.stray, 0);
  });

  test("a line over the limit is reported once, nothing follows, and the agent is still read", async () => {
    const { socket, stdout, counts } = setUp(100);
    stdout.write(`{"id":1}\n${"x".repeat(500)}\n{"id":2}\n`);
    stdout.write('{"id":3}\n');
    await settled();
    assert.deepEqual(socket.sent, ['{"id":1}']);
    assert.equal(counts.tooLong, 1);
    assert.equal(stdout.readableLength, 0);
  });
});
