import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { type Message, MessageScanner, type Scanned } from "../../src/message.js";

const GOOD = [
  '{"jsonrpc":"2.0","id":1,"method":"initialize"}',
  '{"jsonrpc":"2.0","method":"_no.such/method","params":[1]}',
  '{"jsonrpc":"2.0","id":"x","result":null}',
  ' \n{ "jsonrpc" : "2.0", "big": 123456789012345678901234567890, "big": 2 } ',
  '{"jsonrpc":"2.0","a":[[[{"b":[-1.5e+10,0,1E-3,true,false,null,"\\u00e9\\n",{}]}]],[]]}',
];

function scan(text: string | Buffer, size = Infinity): Scanned {
  const scanner = new MessageScanner();
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) {
    if (!scanner.push(Buffer.from(bytes.subarray(start, start + size)))) break;
  }
  return scanner.finish();
}

function message(text: string | Buffer, size = Infinity): Message {
  const scanned = scan(text, size);
  assert.ok(scanned.kind === "message", `${text.toString()}: ${scanned.kind}`);
  return scanned.message;
}

function text(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString();
}

suite("message", () => {
  test("any JSON-RPC object is a message, whatever its method and however it is cut", () => {
    for (const good of GOOD) for (const size of [Infinity, 1, 3, 7]) assert.ok(message(good, size).envelope.isVersion2);
  });

  test("the scan agrees with the language's parser on what is JSON", () => {
    const seeds = [...GOOD, '{"a":"é€😀\\ud83d","b":[1,2,{"c":[]}],"d":-0.0e-1}', "[]", "[{},[]]"];
    const bytes = Buffer.from('{}[]",:\\u0e-+.1 \n\ttrufalsn');
    let seed = 1;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const counts = { json: 0, broken: 0 };
    for (let round = 0; round < 20_000; round += 1) {
      const mutant = Buffer.from(seeds[random(seeds.length)] ?? "");
      for (let edits = 1 + random(2); edits > 0; edits -= 1) {
        mutant[random(mutant.length)] = random(4) === 0 ? random(256) : (bytes[random(bytes.length)] ?? 0);
      }
      let value: unknown;
      try {
        value = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(mutant));
      } catch {
        value = undefined;
      }
      const isJson = typeof value === "object" && value !== null;
      const { kind } = scan(mutant, 1 + random(20));
      assert.equal(kind === "message" || kind === "batch", isJson, JSON.stringify(mutant.toString("latin1")));
      counts[isJson ? "json" : "broken"] += 1;
    }
    assert.ok(counts.json > 1000 && counts.broken > 1000, JSON.stringify(counts));
  });

  test("text that is not JSON is told from JSON that is no message", () => {
    for (const bad of ["", "{", "hello", '{"jsonrpc":"2.0"}{"jsonrpc":"2.0"}', '{"jsonrpc":"2.0","a":"\n"}', "[}"]) {
      assert.equal(scan(bad).kind, "not_json", bad);
    }
    for (const bad of ["1", "null", '"x"', " true "]) assert.equal(scan(bad).kind, "not_a_message", bad);
    for (const bad of ["{}", '{"jsonrpc":"1.0"}', '{"jsonrpc":2}']) assert.ok(!message(bad).envelope.isVersion2, bad);
  });

  test("what routing needs is found, however the message is cut", () => {
    const request =
      '{"jsonrpc":"2.0","params":{"sessionId":"s-1","x":{"sessionId":"no"}},"id": 7 ,"method":"session/prompt"}';
    const answer = '{"id":"a","jsonrpc":"2.0","result":{"modes":{},"sessionId":"s-2"}}';
    for (const size of [Infinity, 1, 2, 5, 11]) {
      const asked = message(request, size);
      const { kind, idKey, method, sessionId, id } = asked.envelope;
      assert.deepEqual(
        { kind, idKey, method, sessionId },
        { kind: "request", idKey: "number 7", method: "session/prompt", sessionId: "s-1" },
      );
      assert.ok(id !== null);
      assert.equal(text(asked.withReplaced(id, '"new"')), request.replace(" 7 ", ' "new" '));
      const answered = message(answer, size);
      assert.equal(answered.envelope.kind, "response");
      assert.equal(answered.envelope.sessionId, "s-2");
      assert.equal(
        text(answered.slice(answered.envelope.result ?? { start: 0, end: 0 })),
        '{"modes":{},"sessionId":"s-2"}',
      );
    }
  });

  test("keys mean what the parser would take them for: written with escapes, or elsewhere", () => {
    assert.equal(message('{"\\u0069d":1,"method":"x"}').envelope.idKey, "number 1");
    assert.equal(message('{"id":1.0,"method":"x"}').envelope.idKey, message('{"id":1,"method":"x"}').envelope.idKey);
    assert.equal(message('{"method":"x","id":null}').envelope.idKey, null);
    assert.equal(message('{"method":"x","meta":{"sessionId":"no"},"params":{}}').envelope.sessionId, null);
    assert.equal(message('{"params":[{"sessionId":"no"}],"method":"x"}').envelope.sessionId, null);
    assert.equal(message('{"result":{"a":[{"sessionId":"no"}]},"id":1}').envelope.sessionId, null);
  });

  test("a member of routing that is there twice is told, however it is written; any other one is the agent's matter", () => {
    for (const twice of [
      '{"id":1,"id":"2","method":"x"}',
      '{"method":"session/list","\\u006dethod":"session/prompt","id":1}',
      '{"method":"x","params":{},"par\\u0061ms":{"sessionId":"a"}}',
      '{"method":"x","params":{"sessionId":"a","session\\u0049d":"b"}}',
      '{"id":1,"result":{"sessionId":"a","x":{"sessionId":"b"},"sessionId":"c"}}',
      '{"jsonrpc":"2.0","jsonrpc":"2.0","method":"x"}',
    ]) {
      for (const size of [Infinity, 1, 7]) assert.ok(message(twice, size).envelope.isAmbiguous, twice);
    }
    for (const once of [
      '{"method":"x","a":1,"a":2,"params":{"a":1,"a":2,"b":{"sessionId":"c"},"sessionId":"d"}}',
      '{"method":"x","_meta":{"sessionId":"a"},"params":{"sessionId":"b"},"result":{"sessionId":"c"}}',
    ]) {
      assert.ok(!message(once).envelope.isAmbiguous, once);
    }
  });

  test("a request's session is that of its params, an answer's that of its result, in whatever order", () => {
    const both = '"result":{"sessionId":"r"},"params":{"sessionId":"p"}';
    for (const members of [both, both.split(",").reverse().join()]) {
      assert.equal(message(`{"id":1,"method":"x",${members}}`).envelope.sessionId, "p");
      assert.equal(message(`{"id":1,${members}}`).envelope.sessionId, "r");
    }
  });

  test("what the scan finds is what the language's parser finds", () => {
    let seed = 7;
    const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
    const escaped = (word: string): string =>
      Array.from(word, (letter) =>
        random(4) === 0 ? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : letter,
      ).join("");
    const values = [
      "1",
      "-0",
      "1.0",
      "1e400",
      "9007199254740993",
      "null",
      "true",
      '""',
      '"7"',
      "[]",
      "{}",
      '"\\ud800"',
    ];
    const blank = (): string => pick(["", "", " ", "\t ", "\n"]);
    const members = (keys: readonly string[], value: (key: string) => string): string =>
      `{${Array.from({ length: random(5) }, () => pick(keys))
        .map((key) => `${blank()}"${escaped(key)}"${blank()}:${blank()}${value(key)}${blank()}`)
        .join()}}`;
    const inner = (): string =>
      members(["sessionId", "x", "method"], () => pick([...values, '"s-1"', '{"sessionId":"no"}']));
    const top = ["jsonrpc", "id", "method", "params", "result", "error", "__proto__", "sessionId", "Method", "id "];
    for (let round = 0; round < 20_000; round += 1) {
      const source = members(top, (key) =>
        key === "method" ? pick(['"session/prompt"', '"x"', ...values]) : pick([inner(), ...values]),
      );
      const value = JSON.parse(source) as Record<string, unknown>;
      const scanned = message(source, pick([Infinity, 1, 3, 8]));
      const { envelope } = scanned;
      const text = typeof value["method"] === "string" ? value["method"] : null;
      assert.equal(envelope.method, text, source);
      assert.deepEqual(envelope.id === null ? undefined : scanned.value(envelope.id), value["id"], source);
      const holder = value[text === null ? "result" : "params"] as { readonly sessionId?: unknown } | null | undefined;
      const sessionId = typeof holder === "object" ? holder?.sessionId : null;
      assert.equal(envelope.sessionId, typeof sessionId === "string" ? sessionId : null, source);
      if (envelope.id === null) continue;
      const replaced = JSON.parse(Buffer.concat(scanned.withReplaced(envelope.id, '"new"')).toString()) as unknown;
      assert.deepEqual(replaced, { ...value, id: "new" }, source);
    }
  });

  test("a message of one line is not touched, not even copied", () => {
    const bytes = Buffer.from('{"jsonrpc":"2.0",  "text":"\\n\u2028\\u000a é"}');
    const before = bytes.toString();
    const scanner = new MessageScanner();
    for (const cut of [bytes.subarray(0, 9), bytes.subarray(9)]) scanner.push(cut);
    const scanned = scanner.finish();
    assert.ok(scanned.kind === "message");
    assert.equal(scanned.message.parts.length, 1);
    assert.equal(scanned.message.parts[0]?.buffer, bytes.buffer);
    assert.equal(bytes.toString(), before);
  });

  test("a message of several lines becomes one with the same value and the same length", () => {
    const lines = '{\r\n  "jsonrpc": "2.0",\n  "n": 1\n,  "text": "a\\nb"\n}\n';
    const line = text(message(lines).parts);
    assert.ok(!line.includes("\n") && !line.includes("\r"));
    assert.equal(line.length, lines.length);
    assert.deepEqual(JSON.parse(line), JSON.parse(lines));
  });

  test("a batch is known by its messages", () => {
    const scanned = scan(`[${GOOD.join()}, 1, []]`, 10);
    assert.ok(scanned.kind === "batch");
    assert.equal(scanned.messages.length, GOOD.length);
    assert.equal(scanned.messages[0]?.envelope.method, "initialize");
    assert.equal(text(scanned.messages[2]?.parts ?? []), GOOD[2]);
    assert.deepEqual(scan("[]"), { kind: "batch", messages: [] });
  });

  test("any depth is scanned, at a bit a level", () => {
    const depth = 4_000_000;
    const deep = message(`{"jsonrpc":"2.0","method":"x","params":${"[".repeat(depth)}${"]".repeat(depth)}}`, 1 << 16);
    assert.equal(deep.envelope.method, "x");
    assert.equal(scan(`${"[".repeat(depth)}${"]".repeat(depth - 1)}}`, 1 << 16).kind, "not_json");
  });
});
