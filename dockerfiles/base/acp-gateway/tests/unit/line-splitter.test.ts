import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LineSplitter, LineTooLongError } from "../../src/line-splitter.js";

function split(chunks: readonly Buffer[], maxBytes = 1000): string[] {
  const splitter = new LineSplitter(maxBytes);
  const lines: string[] = [];
  const pieces: Buffer[] = [];
  for (const { bytes, ends } of chunks.flatMap((chunk) => [...splitter.push(chunk)])) {
    pieces.push(bytes);
    if (ends) lines.push(Buffer.concat(pieces.splice(0)).toString());
  }
  return lines;
}

suite("line splitter", () => {
  test("lines are the same however the bytes arrive, even when a character is cut in two", () => {
    const bytes = Buffer.from('{"a":1}\n{"b":"é€😀"}\n\n{"c":3}\n');
    const whole = ['{"a":1}', '{"b":"é€😀"}', "", '{"c":3}'];
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      assert.deepEqual(split(chunks), whole, `chunks of ${size} bytes`);
    }
  });

  test("the size of a line that has not ended is known", () => {
    const splitter = new LineSplitter(100);
    assert.equal([...splitter.push(Buffer.from("abc\nde"))].length, 2);
    assert.equal(splitter.unfinishedBytes, 2);
    assert.equal([...splitter.push(Buffer.from("f\n"))].length, 1);
    assert.equal(splitter.unfinishedBytes, 0);
  });

  test("a line may be as long as the limit and no longer, whether it ends or not", () => {
    assert.deepEqual(split([Buffer.from("123"), Buffer.from("45\n12345\n")], 5), ["12345", "12345"]);
    assert.throws(() => split([Buffer.from("123"), Buffer.from("456\n")], 5), LineTooLongError);
    assert.throws(() => split([Buffer.from("123"), Buffer.from("456")], 5), LineTooLongError);
  });
});
