import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { FrameUnmasker } from "../../src/frame-unmasker.js";

function frame(payload: Buffer, mask: Buffer | null, opcode = 0x81): Buffer {
  const { length } = payload;
  const short = length < 126 ? length : length < 65_536 ? 126 : 127;
  const extended = Buffer.alloc(short === 127 ? 8 : short === 126 ? 2 : 0);
  if (short === 127) extended.writeBigUInt64BE(BigInt(length));
  if (short === 126) extended.writeUInt16BE(length);
  const masked = Buffer.from(payload.map((byte, index) => byte ^ (mask?.[index & 3] ?? 0)));
  return Buffer.concat([Buffer.from([opcode, short | (mask ? 0x80 : 0)]), extended, mask ?? Buffer.alloc(0), masked]);
}

suite("frame unmasker", () => {
  test("frames of every length lose their masks, however the bytes come in", () => {
    const payloads = [0, 1, 125, 126, 300, 65_535, 65_536].map((length) => Buffer.alloc(length, "payload"));
    const masks = [Buffer.from([1, 2, 3, 255]), null, Buffer.from([0, 0, 9, 0])];
    const frames = payloads.flatMap((payload) => masks.map((mask) => frame(payload, mask)));
    const plain = payloads.flatMap((payload) => masks.map((mask) => frame(payload, mask && Buffer.alloc(4))));
    for (const size of [1, 3, 1000, 1 << 20]) {
      const bytes = Buffer.concat(frames);
      const unmasker = new FrameUnmasker();
      for (let start = 0; start < bytes.length; start += size) unmasker.push(bytes.subarray(start, start + size));
      assert.ok(bytes.equals(Buffer.concat(plain)), `pieces of ${size} bytes`);
    }
  });
});
