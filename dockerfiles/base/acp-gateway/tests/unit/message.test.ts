import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { asLine, checkMessage, isMessageLine } from "../../src/message.js";

const GOOD = [
  '{"jsonrpc":"2.0","id":1,"method":"initialize"}',
  '{"jsonrpc":"2.0","method":"_no.such/method","params":[1]}',
  '{"jsonrpc":"2.0","id":"x","result":null}',
  ' \n{ "jsonrpc" : "2.0", "big": 123456789012345678901234567890, "big": 2 } ',
];

suite("message", () => {
  test("any JSON-RPC object is a message, whatever its method", () => {
    for (const text of GOOD) assert.equal(checkMessage(Buffer.from(text)), null, text);
  });

  test("text that is not JSON is answered with a parse error", () => {
    for (const text of ["", "{", "hello", '{"jsonrpc":"2.0"}{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","a":"\n"}']) {
      const problem = checkMessage(Buffer.from(text));
      const answer = { jsonrpc: "2.0", id: null, error: { code: -32700, message: "Parse error" } };
      assert.deepEqual(JSON.parse(problem?.answer ?? "null"), answer, text);
    }
  });

  test("JSON that is no message, a batch too, is an invalid request", () => {
    for (const text of ["[]", `[${GOOD.join()}]`, "1", "null", '"x"', "{}", '{"jsonrpc":"1.0"}', '{"jsonrpc":2}']) {
      const problem = checkMessage(Buffer.from(text));
      const answer = { jsonrpc: "2.0", id: null, error: { code: -32600, message: "Invalid request" } };
      assert.deepEqual(JSON.parse(problem?.answer ?? "null"), answer, text);
    }
  });

  test("a message of one line is not touched, not even copied", () => {
    const message = Buffer.from('{"jsonrpc":"2.0",  "text":"\\n\u2028\\u000a é"}');
    assert.equal(asLine(message), message);
  });

  test("a message of several lines becomes one with the same value and the same length", () => {
    const message = Buffer.from('{\r\n  "jsonrpc": "2.0",\n  "text": "a\\nb"\n}\n');
    const line = asLine(message);
    assert.ok(!line.includes("\n") && !line.includes("\r"));
    assert.equal(line.length, message.length);
    assert.deepEqual(JSON.parse(line.toString()), JSON.parse(message.toString()));
    assert.ok(message.includes("\n"), "the given message is left as it was");
  });

  test("of an agent's lines only objects in UTF-8 can be messages", () => {
    for (const line of ['{"jsonrpc":"2.0"}', '  {"a":"é"}\t\r']) assert.ok(isMessageLine(Buffer.from(line)), line);
    for (const line of ["Listening on 4096", "", "   ", "[1]", '{"cut":', "}{x"]) {
      assert.ok(!isMessageLine(Buffer.from(line)), line);
    }
    assert.ok(!isMessageLine(Buffer.from([0x7b, 0xff, 0x7d])), "not UTF-8");
  });
});
