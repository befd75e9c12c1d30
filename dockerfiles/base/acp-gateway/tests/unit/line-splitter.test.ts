import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { LineSplitter, LineTooLongError } from "../../src/line-splitter.js";

function split(chunks: readonly Buffer[], maxBytes = 1000): string[] {
  const splitter = new LineSplitter(maxBytes);
  return chunks.flatMap((chunk) => [...splitter.push(chunk)].map((line) => line.toString()));
}

suite("line splitter", () => {
  test("lines are the same however the bytes arrive, even when a character is cut in two", () => {
    const bytes = Buffer.from('{"a":1}\n{"b":"é€😀"}\r\n\n{"c":3}\n');
    const whole = ['{"a":1}', '{"b":"é€😀"}', '{"c":3}'];
    for (let size = 1; size <= bytes.length; size += 1) {
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
        bytes.subarray(index * size, (index + 1) * size),
      );
      assert.deepEqual(split(chunks), whole, `chunks of ${size} bytes`);
    }
  });

  test("a line that has not ended is held, and its size known", () => {
    const splitter = new LineSplitter(100);
    assert.deepEqual([...splitter.push(Buffer.from("abc\nde"))].map(String), ["abc"]);
    assert.equal(splitter.unfinishedBytes, 2);
    assert.deepEqual([...splitter.push(Buffer.from("f\n"))].map(String), ["def"]);
    assert.equal(splitter.unfinishedBytes, 0);
  });

  test("a line may be as long as the limit and no longer, whether it ends or not", () => {
    assert.deepEqual(split([Buffer.from("123"), Buffer.from("45\n12345\n")], 5), ["12345", "12345"]);
    assert.throws(() => split([Buffer.from("123"), Buffer.from("456\n")], 5), LineTooLongError);
    assert.throws(() => split([Buffer.from("123"), Buffer.from("456")], 5), LineTooLongError);
  });
});
