import assert from "node:assert/strict";
import { after, afterEach, before, suite, test } from "node:test";

import { Client } from "../client.js";
import { GatewayProcess } from "../gateway-process.js";
import { childless, childrenOf } from "../processes.js";

suite("several clients on one session", () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await GatewayProcess.start({ ACP_GATEWAY_MAX_CONNECTIONS: "1" });
  });
  after(async () => {
    await gateway.stop();
  });
  afterEach(async () => {
    assert.ok(await childless(gateway.pid, 6000));
  });

  async function openTwo(): Promise<{ first: Client; second: Client; sessionId: string }> {
    const first = await Client.open(gateway.port);
    const sessionId = await first.begin();
    const second = await Client.open(gateway.port);
    await second.reenter("session/resume", sessionId);
    assert.equal(childrenOf(gateway.pid).length, 1);
    return { first, second, sessionId };
  }

  async function close(...clients: Client[]): Promise<void> {
    for (const client of clients) {
      client.close();
      await client.closed;
    }
  }

  function answer(client: Client, id: unknown, optionId: string): void {
    client.send(JSON.stringify({ jsonrpc: "2.0", id, result: { outcome: { outcome: "selected", optionId } } }));
  }

  test("both see the same turn and its end", async () => {
    const { first, second, sessionId } = await openTwo();
    const id = first.prompt(sessionId, "count 5 every 10");
    await first.answer((message) => message.id === id && message.method === undefined);
    assert.deepEqual(await second.told("_codeopen/turn_ended"), { sessionId, result: { stopReason: "end_turn" } });
    assert.deepEqual(second.spoken, ["1", "2", "3", "4", "5"]);
    assert.deepEqual(first.spoken, second.spoken);
    assert.ok(!first.received.some((text) => text.includes("_codeopen")), "who is alone in control needs no extension");
    await close(second, first);
  });

  test("both are asked for a permission, and exactly the first answer counts", async () => {
    const { first, second, sessionId } = await openTwo();
    first.prompt(sessionId, "write a file");
    const { id } = await first.answer(({ method }) => method === "session/request_permission");
    assert.equal((await second.answer(({ method }) => method === "session/request_permission")).id, id);
    answer(second, id, "second");
    answer(first, id, "first");
    await second.told("_codeopen/turn_ended");
    const { result } = await first.request("stand-in/answers");
    const answers = result?.["answers"] as { outcome: { optionId: string } }[];
    assert.equal(answers.length, 1);
    const winner = answers[0]?.outcome.optionId;
    const loser = winner === "first" ? second : first;
    assert.deepEqual(await loser.told("$/cancel_request"), { requestId: id });
    await close(second, first);
  });

  test("an observer's requests are refused with how to take control, and served once it did", async () => {
    const { first, second, sessionId } = await openTwo();
    assert.deepEqual(await second.told("_codeopen/control"), { controls: false, take: "_codeopen/control/take" });
    const { error } = await second.request("session/prompt", { sessionId, prompt: [] });
    assert.ok(error?.code === -32010);
    assert.match(error.message, /_codeopen\/control\/take/);
    second.notify("session/cancel", { sessionId });
    assert.deepEqual((await second.request("session/list")).error, undefined, "looking is free");
    assert.deepEqual((await second.request("_codeopen/control/take")).result, {});
    assert.equal((await first.told("_codeopen/control"))["controls"], false);
    assert.deepEqual((await second.request("stand-in/echo", { x: 1 })).result, { x: 1 });
    assert.equal((await first.request("stand-in/echo")).error?.code, -32010);
    await close(first, second);
  });

  test("what only one machine can serve is asked of who controls, and of who controls next", async () => {
    const { first, second } = await openTwo();
    first.ask("stand-in/read");
    await first.told("fs/read_text_file");
    await second.request("session/list");
    assert.ok(!second.received.some((text) => text.includes("fs/read_text_file")));
    first.socket.terminate();
    assert.equal((await second.answer(({ params }) => params?.["controls"] === true)).method, "_codeopen/control");
    await second.told("fs/read_text_file");
    await close(second);
  });

  test("the same ids of two clients don't get mixed up, even in cancellations", async () => {
    const { first, second } = await openTwo();
    const id = "same";
    first.send(JSON.stringify({ jsonrpc: "2.0", id, method: "stand-in/read" }));
    const { id: asked } = await first.answer(({ method }) => method === "fs/read_text_file");
    second.send(JSON.stringify({ jsonrpc: "2.0", id, method: "session/list" }));
    const listed = await second.answer((message) => message.id === id);
    assert.ok(Array.isArray(listed.result?.["sessions"]));
    first.send(JSON.stringify({ jsonrpc: "2.0", id: asked, result: { content: "text" } }));
    assert.deepEqual((await first.answer((message) => message.id === id)).result, { content: "text" });
    await close(second, first);
  });

  test("an observer can't cancel what another client asked, by no means of writing it", async () => {
    const { first, second } = await openTwo();
    const open = first.ask("stand-in/read");
    const { id: asked } = await first.answer(({ method }) => method === "fs/read_text_file");
    // Its own request had the same id, and is answered.
    second.send(JSON.stringify({ jsonrpc: "2.0", id: open, method: "session/list" }));
    await second.answer((message) => message.id === open && message.method === undefined);
    second.notify("$/cancel_request", { requestId: open });
    second.notify("$/cancel_request", { requestId: open, padding: "x".repeat(1 << 17) });
    second.send(`{"jsonrpc":"2.0","\\u006dethod":"$/cancel_request","params":{"requestId":${open}.0}}`);
    await second.request("session/list");
    assert.deepEqual((await first.request("stand-in/cancelled")).result, { cancelled: [] });
    first.notify("$/cancel_request", { requestId: open });
    assert.deepEqual((await first.request("stand-in/cancelled")).result, { cancelled: [open] });
    first.send(JSON.stringify({ jsonrpc: "2.0", id: asked, result: { content: "text" } }));
    await close(second, first);
  });

  test("who takes a session up again can cancel what it asked before it was lost", async () => {
    const first = await Client.open(gateway.port);
    const sessionId = await first.begin();
    const id = "before the cut";
    first.send(JSON.stringify({ jsonrpc: "2.0", id, method: "session/prompt", params: { sessionId, prompt: [] } }));
    await first.answer(({ method }) => method === "session/request_permission");
    first.socket.terminate();
    await first.closed;
    const second = await Client.open(gateway.port);
    await second.reenter("session/resume", sessionId);
    second.notify("$/cancel_request", { requestId: id });
    assert.deepEqual((await second.request("stand-in/cancelled")).result, { cancelled: [id] });
    const { id: asked } = await second.answer(({ method }) => method === "session/request_permission");
    answer(second, asked, "yes");
    await second.told("_codeopen/turn_ended");
    await close(second);
  });

  test("a request with two methods is refused, whichever comes first, and does nothing", async () => {
    const { first, second, sessionId } = await openTwo();
    for (const members of [
      `"method":"session/list","method":"session/prompt"`,
      `"method":"session/prompt","\\u006dethod":"session/list"`,
    ]) {
      const observer = await Client.open(gateway.port);
      await observer.reenter("session/resume", sessionId);
      observer.send(`{"jsonrpc":"2.0","id":77,${members},"params":{"sessionId":"${sessionId}","prompt":[]}}`);
      assert.equal((await observer.closed).code, 1007);
      assert.ok(observer.received.some((text) => text.includes("a member is there twice")));
    }
    assert.deepEqual((await first.request("stand-in/answers")).error, undefined);
    assert.ok(!first.received.some((text) => text.includes("session/request_permission")));
    await close(second, first);
  });
});
