import type { IncomingHttpHeaders } from "node:http";

import { isLoopback } from "./settings.js";

/**
 * Whether the page that a browser's request comes from may talk to the gateway: one of the same host, or an allowed one.
 * Programs other than browsers send no Origin.
 */
export function isOriginAllowed(headers: IncomingHttpHeaders, allowed: ReadonlySet<string>): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowed.has(origin)) return true;
  if (host === undefined || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  if (page.protocol !== "http:" && page.protocol !== "https:") return false;
  const own = `${page.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === page.host;
}

/**
 * Whether a request names this machine itself. Without a token that is all that keeps out a page whose host name was
 * made to point at loopback, since the page and the gateway then have the same host.
 */
export function namesLoopback(headers: IncomingHttpHeaders): boolean {
  const url = `http://${headers.host ?? ""}`;
  return URL.canParse(url) && isLoopback(new URL(url).hostname.replace(/^\[|\]$/g, ""));
}
