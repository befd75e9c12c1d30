import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

import type { Login } from "./settings.js";

/** The subprotocol that a page in a browser asks for, next to the one that carries its token. */
export const SUBPROTOCOL = "acp";

const TOKEN_PREFIX = "bearer.";

/** What a refused client is told about how to log in. */
export const CHALLENGE = 'Bearer realm="acp-gateway", Basic realm="acp-gateway", charset="UTF-8"';

/**
 * Whether a request carries the login: `Authorization: Bearer <password>`, `Authorization: Basic <user:password>`, or,
 * from a page, which can't set headers, the subprotocols `acp` and `bearer.<password in base64url>`. Never the query
 * string, which ends up in logs. Everything is allowed where no login is set: only loopback is listened on then.
 */
export function isLoggedIn(headers: IncomingHttpHeaders, login: Login | null): boolean {
  if (login === null) return true;
  const password = Buffer.from(login.password);
  const userAndPassword = Buffer.from(`${login.username}:${login.password}`);
  // No short cut: how long it takes must not depend on which one is right.
  const results = [
    ...bearerTokens(headers.authorization).map((token) => areEqual(token, password)),
    ...basicCredentials(headers.authorization).map((given) => areEqual(given, userAndPassword)),
    ...subprotocolTokens(headers).map((token) => areEqual(token, password)),
  ];
  return results.includes(true);
}

/** Whether a request carries a token as a bearer. */
export function bears(headers: IncomingHttpHeaders, token: string): boolean {
  return bearerTokens(headers.authorization).some((given) => areEqual(given, Buffer.from(token)));
}

/** The subprotocols that a client offers, in its order. */
export function offeredSubprotocols(headers: IncomingHttpHeaders): string[] {
  const offered = headers["sec-websocket-protocol"] ?? "";
  return offered
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

function bearerTokens(authorization: string | undefined): Buffer[] {
  const token = /^bearer +(.+)$/i.exec(authorization ?? "")?.[1];
  // Node reads header bytes as latin1.
  return token === undefined ? [] : [Buffer.from(token, "latin1")];
}

function basicCredentials(authorization: string | undefined): Buffer[] {
  const credentials = /^basic +(\S+)$/i.exec(authorization ?? "")?.[1];
  return credentials === undefined ? [] : [Buffer.from(credentials, "base64")];
}

function subprotocolTokens(headers: IncomingHttpHeaders): Buffer[] {
  const carriers = offeredSubprotocols(headers).filter((name) => name.startsWith(TOKEN_PREFIX));
  return carriers.map((name) => Buffer.from(name.slice(TOKEN_PREFIX.length), "base64url"));
}

/** Compares in a time that tells neither content nor length. */
function areEqual(given: Buffer, expected: Buffer): boolean {
  const digest = (data: Buffer): Buffer => createHash("sha256").update(data).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
