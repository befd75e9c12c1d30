import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, suite, test } from "node:test";

import { Client } from "../client.js";
import { GatewayProcess, PASSWORD } from "../gateway-process.js";
import { openFiles } from "../processes.js";

const REQUEST_WAIT_MS = 10_000;
const CROWD = 1000;
const PER_ADDRESS = 128;

/** Opens a socket, sends some bytes, and reads whatever comes. */
async function open(port: number, text = ""): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined).resume();
  await once(socket, "connect");
  if (text !== "") socket.write(text);
  return socket;
}

/** The milliseconds that something takes. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.on("data", (chunk: Buffer) => (answer += chunk.toString())).on("error", () => undefined);
  socket.write(text);
  await once(socket, "close", { signal: AbortSignal.timeout(15_000) });
  return answer;
}

suite("crowds", () => {
  let gateway: GatewayProcess;
  before(async () => {
    // No more files than a careful container gives.
    gateway = await GatewayProcess.start({}, 512);
  });
  after(async () => {
    await gateway.stop();
  });

  for (const [what, text] of [
    ["sockets that say nothing", ""],
    ["half of a request's headers", "GET /healthz HTTP/1.1\r\nHost: x\r\n"],
    ["half of a body", "POST /acp HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nx"],
    ["connections kept alive", "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["half of a WebSocket's handshake", "GET /acp HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"],
  ] as const) {
    test(`probes and logins get through a crowd of ${what}`, async () => {
      const client = await Client.open(gateway.port);
      await client.request("initialize");
      const files = openFiles(gateway.pid);
      const crowd = await Promise.all(Array.from({ length: CROWD }, () => open(gateway.port, text)));
      for (const probe of ["/healthz", "/readyz"]) {
        const ms = await timed(async () => {
          const response = await gateway.fetch(probe, { headers: { connection: "close" } });
          assert.equal(response.status, 200);
        });
        assert.ok(ms < 3000, `${probe} took ${Math.round(ms)} ms`);
      }
      assert.ok(openFiles(gateway.pid) - files <= PER_ADDRESS, "it keeps no more than it should");
      const other = await Client.open(gateway.port);
      assert.deepEqual((await other.request("stand-in/echo", { x: 1 })).result, { x: 1 });
      assert.deepEqual((await client.request("stand-in/echo", { x: 2 })).result, { x: 2 }, "a client stays");
      for (const socket of crowd) socket.destroy();
      for (const each of [client, other]) each.close();
      await Promise.all([client.closed, other.closed]);
    });
  }

  test("whatever a request lacks, it is waited for ten seconds and no longer", async () => {
    const sockets = {
      nothing: await open(gateway.port),
      headers: await open(gateway.port, "GET /healthz HTTP/1.1\r\n"),
      trickle: await open(gateway.port, "GET /healthz HTTP/1.1\r\nX: "),
      second: await open(gateway.port, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /"),
    };
    const trickle = setInterval(() => {
      for (const socket of [sockets.trickle, sockets.second]) socket.write("x");
    }, 300);
    const times = await Promise.all(Object.values(sockets).map((socket) => timed(() => once(socket, "close"))));
    clearInterval(trickle);
    for (const [index, name] of Object.keys(sockets).entries()) {
      const ms = times[index] ?? 0;
      assert.ok(ms > REQUEST_WAIT_MS - 500 && ms < REQUEST_WAIT_MS + 1000, `${name}: ${Math.round(ms)} ms`);
    }
  });

  test("a body is not waited for at all", async () => {
    for (const head of ["Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
      const text = `GET /healthz HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n1`;
      let answer = "";
      const ms = await timed(async () => (answer = await exchange(gateway.port, text)));
      assert.match(answer, /^HTTP\/1\.1 200 .*"ok"/s);
      assert.ok(ms < 1000, `${Math.round(ms)} ms`);
    }
  });

  test("a request to upgrade to anything but the WebSocket is answered as plain HTTP", async () => {
    const ask = (path: string, upgrade: string, more = ""): Promise<string> =>
      exchange(
        gateway.port,
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: ${upgrade}\r\n${more}\r\n`,
      );
    const settings = "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n";
    assert.match(await ask("/healthz", "h2c", settings), /^HTTP\/1\.1 200 .*"ok"/s);
    assert.match(await ask("/readyz", "TLS/1.2, HTTP/1.1"), /^HTTP\/1\.1 200 .*"ready"/s);
    assert.match(await ask("/healthz", "websocket"), /^HTTP\/1\.1 200 .*"ok"/s);
    assert.match(await ask("/acp", "h2c", `Authorization: Bearer ${PASSWORD}\r\n`), /^HTTP\/1\.1 426 /);
    assert.match(await ask("/", "websocket"), /^HTTP\/1\.1 404 /);
  });

  test("sockets that were sent away are counted", async () => {
    assert.ok((await gateway.metric('acp_gateway_rejected_total{reason="crowded"}')) >= CROWD - PER_ADDRESS);
  });
});
