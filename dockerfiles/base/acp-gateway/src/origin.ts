import type { IncomingHttpHeaders } from "node:http";

import { isLoopback } from "./loopback.js";

/** A scheme, a host with or without a port, and nothing else but one slash that people copy from an address. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s*]+\/?$/i;
/** A page's origin has its document's scheme, never that of a socket or a file. */
const NO_PAGE = new Set(["ws:", "wss:", "ftp:", "file:"]);

/**
 * An origin as browsers write it, or null for what is none: scheme and host in small letters, the host in ASCII (IDNA),
 * no port where it is the scheme's own, no slash at the end.
 */
export function normalOrigin(text: string): string | null {
  if (!ORIGIN.test(text) || !URL.canParse(text)) return null;
  const { protocol, host } = new URL(text);
  return host === "" || NO_PAGE.has(protocol) ? null : `${protocol}//${host.toLowerCase()}`;
}

/**
 * Whether the page that a browser's request comes from may talk to the gateway: one of the same host, or an allowed one,
 * which are normal origins. Programs other than browsers send no Origin.
 */
export function isOriginAllowed(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const { origin, host } = headers;
  if (origin === undefined) return true;
  const page = normalOrigin(origin);
  if (page === null) return false;
  const { protocol } = new URL(page);
  const isWeb = protocol === "http:" || protocol === "https:";
  return allowed.has(page) || (isWeb && host !== undefined && normalOrigin(`${protocol}//${host}`) === page);
}

/**
 * Whether a request names this machine itself. Without a token that is all that keeps out a page whose host name was
 * made to point at loopback, since the page and the gateway then have the same host.
 */
export function namesLoopback(headers: IncomingHttpHeaders): boolean {
  const url = `http://${headers.host ?? ""}`;
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}
