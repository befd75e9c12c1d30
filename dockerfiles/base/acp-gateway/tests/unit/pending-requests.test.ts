import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { type Message, MessageScanner } from "../../src/message.js";
import { ClientRequests } from "../../src/pending-requests.js";

const MOST = 10_000;

function request(id: string, method: string): Message {
  const scanner = new MessageScanner();
  scanner.push(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method })));
  const scanned = scanner.finish();
  assert.ok(scanned.kind === "message");
  return scanned.message;
}

suite("pending requests", () => {
  test("a client's flood makes nobody else's turn forgotten", () => {
    const requests = new ClientRequests<string>();
    requests.open("controller", request("turn", "session/prompt"));
    for (let number = 0; number <= MOST; number += 1) {
      requests.open("observer", request(`o${String(number)}`, "session/list"));
    }
    assert.equal(requests.take("string turn")?.method, "session/prompt");
    assert.equal(requests.take("string o0"), undefined, "the flood's own oldest is what goes");
    assert.equal(requests.take(`string o${String(MOST)}`)?.client, "observer");
  });

  test("a client's own flood keeps its latest requests", () => {
    const requests = new ClientRequests<string>();
    for (let number = 0; number <= MOST; number += 1) requests.open("one", request(String(number), "session/list"));
    assert.equal(requests.take("string 0"), undefined);
    assert.equal(requests.take("string 1")?.client, "one");
  });
});
