import assert from "node:assert/strict";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { suite, test } from "node:test";

import { isLoggedIn } from "../../src/authentication.js";
import { type Doorway, judgeHandshake } from "../../src/handshake.js";
import { isOriginAllowed, namesLoopback } from "../../src/origin.js";
import { PasswordCheck } from "../../src/password.js";

const PASSWORD = "pass:wörd";
const LOGIN = { username: "opencode", password: PasswordCheck.ofPassword(PASSWORD) };
const DOORWAY: Doorway = { login: LOGIN, allowedOrigins: new Set(), shuttingDown: false, hasPlace: true };

function utf8Header(text: string): string {
  return Buffer.from(text).toString("latin1");
}

const BEARER = utf8Header(`Bearer ${PASSWORD}`);
const BASIC = `Basic ${Buffer.from(`${LOGIN.username}:${PASSWORD}`).toString("base64")}`;
const SUBPROTOCOL = `acp, bearer.${Buffer.from(PASSWORD).toString("base64url")}`;

function request(headers: IncomingHttpHeaders, url = "/acp"): IncomingMessage {
  return { url, headers: { host: "box:4097", ...headers } } as unknown as IncomingMessage;
}

suite("login", () => {
  test("the token is taken as a bearer, as a password, and from the subprotocol", async () => {
    assert.ok(await isLoggedIn({ authorization: BEARER }, LOGIN));
    assert.ok(await isLoggedIn({ authorization: BASIC }, LOGIN));
    assert.ok(await isLoggedIn({ authorization: BASIC.replace("Basic", "basic") }, LOGIN));
    assert.ok(await isLoggedIn({ "sec-websocket-protocol": SUBPROTOCOL }, LOGIN));
  });

  test("a proxy's own login beside a page's token does no harm", async () => {
    const headers = { authorization: "Basic cHJveHk6c2VjcmV0", "sec-websocket-protocol": SUBPROTOCOL };
    assert.ok(await isLoggedIn(headers, LOGIN));
  });

  test("anything else is not", async () => {
    const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;
    for (const authorization of [
      undefined,
      "",
      "Bearer",
      "Bearer ",
      "Bearer pass",
      `${BEARER}x`,
      PASSWORD,
      basic("other:pass:wörd"),
      basic("opencode:"),
      basic("opencode"),
      basic(":pass:wörd"),
      basic("pass:wörd"),
      "Basic ***",
      "Digest x",
    ]) {
      const headers = authorization === undefined ? {} : { authorization };
      assert.ok(!(await isLoggedIn(headers, LOGIN)), authorization);
    }
    for (const offered of ["acp", "acp, bearer.", "bearer.cGFzcw", "acp, pass:wörd"]) {
      assert.ok(!(await isLoggedIn({ "sec-websocket-protocol": offered }, LOGIN)), offered);
    }
  });
});

suite("origin", () => {
  test("a page of the same host may connect, one of another host may not", () => {
    const allowed = new Set<string>();
    assert.ok(isOriginAllowed({ host: "box:4097" }, allowed), "a program sends none");
    assert.ok(isOriginAllowed({ host: "box:4097", origin: "http://box:4097" }, allowed));
    assert.ok(isOriginAllowed({ host: "box", origin: "https://box" }, allowed));
    assert.ok(isOriginAllowed({ host: "box:443", origin: "https://box" }, allowed));
    for (const origin of [
      "http://evil",
      "http://box",
      "http://box:4097.evil",
      "null",
      "file://",
      "",
      "chrome-extension://x",
    ]) {
      assert.ok(!isOriginAllowed({ host: "box:4097", origin }, allowed), origin);
    }
    assert.ok(!isOriginAllowed({ origin: "http://box:4097" }, allowed), "no host to compare with");
  });

  test("an allowed origin may connect, however it is written", () => {
    const allowed = new Set(["https://ide.example", "vscode-webview://x"]);
    assert.ok(isOriginAllowed({ host: "box", origin: "https://ide.example" }, allowed));
    assert.ok(isOriginAllowed({ host: "box", origin: "vscode-webview://x" }, allowed));
    for (const origin of ["HTTPS://IDE.example", "https://ide.example:443", "VSCODE-WEBVIEW://X"]) {
      assert.ok(isOriginAllowed({ host: "box", origin }, allowed), origin);
    }
    assert.ok(!isOriginAllowed({ host: "box", origin: "https://ide.example:8443" }, allowed));
    assert.ok(!isOriginAllowed({ host: "box", origin: "https://ide.example.evil" }, allowed));
    assert.ok(!isOriginAllowed({ host: "box", origin: "http://ide.example" }, allowed));
  });

  test("without a token a request must name loopback, whatever its page is called", () => {
    for (const host of ["localhost:4097", "127.0.0.1", "[::1]:4097"]) assert.ok(namesLoopback({ host }), host);
    for (const host of ["evil.example:4097", "", "127.0.0.1.evil.example"]) assert.ok(!namesLoopback({ host }), host);
    assert.ok(!namesLoopback({}));
  });
});

suite("handshake", () => {
  const statusOf = async (
    headers: IncomingHttpHeaders,
    doorway: Partial<Doorway> = {},
    url?: string,
  ): Promise<number | string> => {
    const door = { ...DOORWAY, ...doorway };
    const verdict = judgeHandshake(request(headers, url), door, await isLoggedIn(headers, door.login));
    if (verdict.kind === "refuse") return verdict.refusal.status;
    return verdict.kind === "close" ? `closed with ${verdict.code}` : "accepted";
  };

  test("who is logged in gets in", async () => {
    assert.equal(await statusOf({ authorization: BEARER }), "accepted");
    assert.equal(await statusOf({ authorization: BEARER }, {}, "/acp?x=1"), "accepted");
  });

  test("each refusal has the status that says why", async () => {
    assert.equal(await statusOf({ authorization: BEARER }, { shuttingDown: true }), 503);
    assert.equal(await statusOf({ authorization: BEARER, origin: "http://evil" }), 403);
    assert.equal(await statusOf({}), 401);
    assert.equal(await statusOf({}, {}, `/acp?token=${encodeURIComponent(PASSWORD)}`), 401);
    assert.equal(await statusOf({ host: "evil" }, { login: null }), 403);
    assert.equal(await statusOf({ host: "localhost" }, { login: null }), "accepted");
  });

  test("a page, which sees no status, is told by a close code", async () => {
    assert.equal(await statusOf({ "sec-websocket-protocol": "acp, bearer.d3Jvbmc" }), "closed with 1008");
    assert.equal(await statusOf({ "sec-websocket-protocol": "other" }), 401);
    assert.equal(await statusOf({ "sec-websocket-protocol": SUBPROTOCOL, origin: "http://evil" }), 403);
  });

  test("only who is logged in learns that all places are taken", async () => {
    assert.equal(await statusOf({ authorization: BEARER }, { hasPlace: false }), "closed with 1013");
    assert.equal(await statusOf({}, { hasPlace: false }), 401);
  });
});
