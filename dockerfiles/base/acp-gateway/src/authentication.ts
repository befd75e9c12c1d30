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
export async function isLoggedIn(
  headers: IncomingHttpHeaders,
  login: Login | null,
  isWanted: () => boolean = () => true,
): Promise<boolean> {
  if (login === null) return true;
  // A proxy's own Authorization may stand beside a page's token. A request that brings many has two of them tried.
  const [byHeader] = [...bearerTokens(headers.authorization), ...basicPasswords(headers.authorization, login.username)];
  const [byPage] = subprotocolTokens(headers);
  for (const given of [byHeader, byPage]) {
    if (given !== undefined && (await login.password.matches(given, isWanted))) return true;
  }
  return false;
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

function basicPasswords(authorization: string | undefined, username: string): Buffer[] {
  const credentials = /^basic +(\S+)$/i.exec(authorization ?? "")?.[1];
  const [given, start] = [Buffer.from(credentials ?? "", "base64"), Buffer.from(`${username}:`)];
  return given.subarray(0, start.length).equals(start) ? [given.subarray(start.length)] : [];
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
