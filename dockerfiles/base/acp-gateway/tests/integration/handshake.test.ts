import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { after, before, suite, test } from "node:test";

import { Client } from "../client.js";
import { GatewayProcess, METRICS_TOKEN, PASSWORD } from "../gateway-process.js";
import { PasswordHash } from "../../src/password.js";
import { childless, childrenOf } from "../processes.js";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function subprotocols(password: string): string[] {
  return ["acp", `bearer.${Buffer.from(password).toString("base64url")}`];
}

/** Sends bytes as they are, and returns what comes back until the end. */
async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  socket.write(text);
  await once(socket, "close", { signal: AbortSignal.timeout(5000) });
  return Buffer.concat(chunks).toString();
}

suite("handshake", () => {
  let gateway: GatewayProcess;
  before(async () => {
    gateway = await GatewayProcess.start({ ACP_GATEWAY_ALLOWED_ORIGINS: "https://ide.example" });
  });
  after(async () => {
    await gateway.stop();
  });

  test("each connection has an id of its own in the answer to its request", async () => {
    const ids = new Set<string>();
    for (let count = 0; count < 2; count += 1) {
      const client = new Client(gateway.port);
      const [response] = (await once(client.socket, "upgrade")) as [IncomingMessage];
      assert.equal(response.statusCode, 101);
      const id = response.headers["acp-connection-id"] as string;
      assert.match(id, UUID);
      assert.equal(response.headers["sec-websocket-extensions"], undefined);
      ids.add(id);
      client.close();
      await client.closed;
    }
    assert.equal(ids.size, 2);
    assert.deepEqual(childrenOf(gateway.pid), [], "an agent starts with the first message");
  });

  test("the token is taken as a bearer, as a password, and from the subprotocol", async () => {
    const basic = `Basic ${Buffer.from(`opencode:${PASSWORD}`).toString("base64")}`;
    const byPassword = await Client.open(gateway.port, { headers: { authorization: basic } });
    const byPage = await Client.open(gateway.port, {
      headers: { authorization: "" },
      subprotocols: subprotocols(PASSWORD),
      origin: "https://ide.example",
    });
    assert.equal(byPage.socket.protocol, "acp", "the token is never repeated");
    for (const client of [byPassword, byPage]) {
      assert.deepEqual((await client.request("stand-in/echo", { x: 1 })).result, { x: 1 });
      client.close();
      await client.closed;
    }
    assert.ok(await childless(gateway.pid, 2000));
  });

  test("without the token, from a foreign page or elsewhere there is no WebSocket, and no process", async () => {
    const statuses = [
      await Client.refused(gateway.port, { headers: { authorization: "" } }),
      await Client.refused(gateway.port, { headers: { authorization: "Bearer wrong" } }),
      await Client.refused(gateway.port, { headers: { authorization: "" }, path: `/acp?token=${PASSWORD}` }),
      await Client.refused(gateway.port, { origin: "https://evil.example" }),
      await Client.refused(gateway.port, { path: "/" }),
    ];
    assert.deepEqual(statuses, [401, 401, 401, 403, 404]);
    const page = new Client(gateway.port, { headers: { authorization: "" }, subprotocols: subprotocols("wrong") });
    assert.deepEqual(await page.closed, { code: 1008, reason: "a token is needed" });
    assert.deepEqual(childrenOf(gateway.pid), []);
    assert.equal(await gateway.metric('acp_gateway_rejected_total{reason="unauthorized"}'), 4);
    assert.equal(await gateway.metric('acp_gateway_rejected_total{reason="origin"}'), 1);
    assert.equal(await gateway.metric("acp_gateway_connections"), 0);
    assert.ok(!JSON.stringify(gateway.log).includes(PASSWORD));
  });

  test("cookies neither let anybody in nor keep anybody out", async () => {
    const cookie = `token=${PASSWORD}; Authorization=Bearer ${PASSWORD}; bearer.${PASSWORD}`;
    assert.equal(await Client.refused(gateway.port, { headers: { authorization: "", cookie } }), 401);
    const client = await Client.open(gateway.port, { headers: { cookie: 'a=b; session="x"; other' } });
    assert.deepEqual((await client.request("stand-in/echo", { x: 1 })).result, { x: 1 });
    client.close();
    await client.closed;
    assert.ok(await childless(gateway.pid, 2000));
  });

  test("what is no WebSocket request is answered as HTTP", async () => {
    const plain = await gateway.fetch("/acp");
    assert.equal(plain.status, 426);
    assert.equal((await gateway.fetch("/acp", { method: "POST" })).status, 405);
    assert.equal((await gateway.fetch("/acp", { method: "DELETE" })).status, 405);
    assert.equal((await gateway.fetch("/nothing")).status, 404);
    const old = `GET /acp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: Bearer ${PASSWORD}\r\n`;
    assert.match(await exchange(gateway.port, `${old}\r\n`), /^HTTP\/1\.1 400 /);
    assert.match(await exchange(gateway.port, "nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
    const version = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 7\r\n";
    assert.match(await exchange(gateway.port, `${old}${version}\r\n`), /^HTTP\/1\.1 400 .*Sec-WebSocket-Version: 13/s);
  });

  test("a page of an allowed origin gets in, however the origin was written", async () => {
    const environment = { ACP_GATEWAY_ALLOWED_ORIGINS: "HTTPS://IDE.example:443/, http://Bücher.example" };
    const other = await GatewayProcess.start(environment);
    for (const origin of ["https://ide.example", "http://xn--bcher-kva.example"]) {
      (await Client.open(other.port, { origin })).close();
    }
    assert.equal(await Client.refused(other.port, { origin: "https://ide.example:444" }), 403);
    await other.stop();
    const refused = await GatewayProcess.start({ ACP_GATEWAY_ALLOWED_ORIGINS: "ide.example" });
    assert.equal(await refused.exited, 2);
    assert.match(
      (await refused.event("settings_refused"))["problem"] as string,
      /^ACP_GATEWAY_ALLOWED_ORIGINS: ide\.ex/,
    );
  });

  test("the metrics have a token of their own, and are not served without one", async () => {
    const metrics = async (from: GatewayProcess, authorization: string): Promise<number> =>
      (await from.fetch("/metrics", { headers: { authorization } })).status;
    const basic = Buffer.from(`opencode:${METRICS_TOKEN}`).toString("base64");
    for (const given of ["", `Bearer ${PASSWORD}`, `Basic ${basic}`, "Bearer ", "Bearer wrong"]) {
      assert.equal(await metrics(gateway, given), 401, given);
    }
    assert.equal(await metrics(gateway, `bearer ${METRICS_TOKEN}`), 200);
    assert.equal(await Client.refused(gateway.port, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } }), 401);
    for (const password of [PASSWORD, ""]) {
      const without = await GatewayProcess.start({ ACP_GATEWAY_METRICS_TOKEN: "", ACP_GATEWAY_PASSWORD: password });
      for (const given of ["", "Bearer ", `Bearer ${PASSWORD}`])
        assert.equal(await metrics(without, given), 403, given);
      await without.stop();
    }
  });

  test("the probes need no login", async () => {
    const health = await gateway.fetch("/healthz");
    assert.deepEqual([health.status, await health.json()], [200, { status: "ok" }]);
    const ready = await gateway.fetch("/readyz", { headers: { authorization: "Basic wrong" } });
    assert.deepEqual([ready.status, await ready.json()], [200, { status: "ready", connections: 0, limit: 8 }]);
    assert.equal((await gateway.fetch("/healthz", { method: "HEAD" })).status, 200);
    assert.equal(await gateway.metric("acp_gateway_connections_limit"), 8);
  });
});

suite("a gateway that has only a hash", () => {
  let gateway: GatewayProcess;
  before(async () => {
    const hashed = { ACP_GATEWAY_PASSWORD: "", ACP_GATEWAY_PASSWORD_HASH: PasswordHash.of(PASSWORD).toString() };
    gateway = await GatewayProcess.start(hashed);
  });
  after(async () => {
    await gateway.stop();
  });

  test("the login passes while many others guess, its agent gets neither password nor hash", async () => {
    const guesses = Array.from({ length: 40 }, (_, index) =>
      Client.refused(gateway.port, { headers: { authorization: `Bearer ${index}` } }),
    );
    const client = await Client.open(gateway.port);
    const { result } = await client.request("stand-in/process");
    const environment = result?.["environment"] as Record<string, string>;
    assert.deepEqual(
      Object.keys(environment).filter((name) => /PASSWORD|TOKEN/.test(name)),
      [],
    );
    assert.deepEqual(new Set(await Promise.all(guesses)), new Set([401]));
    client.close();
    await client.closed;
  });

  test("a client that sends at once is understood once its login has been worked out", async () => {
    const fresh = await GatewayProcess.start({
      ACP_GATEWAY_PASSWORD: "",
      ACP_GATEWAY_PASSWORD_HASH: PasswordHash.of(PASSWORD).toString(),
    });
    const text = '{"jsonrpc":"2.0","id":1,"method":"stand-in/echo","params":{"x":1}}';
    const mask = Buffer.alloc(4);
    const frame = Buffer.concat([Buffer.from([0x81, 0x80 | text.length]), mask, Buffer.from(text)]);
    const socket = connect(fresh.port, "127.0.0.1");
    socket.write(
      `GET /acp HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${PASSWORD}\r\n\r\n`,
    );
    socket.write(frame);
    let said = "";
    for await (const chunk of socket) {
      said += (chunk as Buffer).toString("latin1");
      if (said.includes('"result":{"x":1}')) break;
    }
    assert.match(said, /^HTTP\/1\.1 101 .*"result":\{"x":1\}/s);
    await fresh.stop();
  });
});
