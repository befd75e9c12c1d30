import { readFile } from "node:fs/promises";
import { SocketAddress } from "node:net";
import type { Writable } from "node:stream";

/** What a TCP socket knows of its two ends, and of how much went through it. */
export interface Wire {
  readonly bytesRead: number;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** The bytes that the kernel holds for each peer of a port, because the peer has not confirmed them. */
export type SendQueues = ReadonlyMap<string, number>;

/** What Node's sockets and pipes count beside what they document; its own `setTimeout` of sockets relies on it. */
interface Counters {
  readonly _bytesDispatched?: number;
  readonly _handle?: { readonly writeQueueSize?: number } | null;
}

const TCP_TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];

/**
 * How many bytes of a stream the kernel has taken so far. Node says so of whole chunks only, of which one may be a whole
 * message; libuv hands it over bit by bit.
 */
export function takenBytes(stream: Writable | Wire): number {
  const { _bytesDispatched: dispatched = 0, _handle: handle } = stream as Counters;
  return dispatched - (handle?.writeQueueSize ?? 0);
}

/** Reads the kernel's send queues of a port; empty where it has no such tables. */
export async function readSendQueues(port: number): Promise<SendQueues> {
  const tables = await Promise.all(TCP_TABLES.map((file) => readFile(file, "latin1").catch(() => "")));
  return parseSendQueues(tables.join("\n"), port);
}

/** Source: Linux, Documentation/networking/proc_net_tcp.rst; `tx_queue` is what was written and not acknowledged. */
export function parseSendQueues(tables: string, port: number): SendQueues {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const queues = new Map<string, number>();
  for (const line of tables.split("\n")) {
    const [, own = "", peer = "", , counts = ""] = line.trim().split(/\s+/);
    const [address = "", remotePort = ""] = peer.split(":");
    if (!own.endsWith(local) || !/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(address)) continue;
    queues.set(
      keyOf(readable(address), Number.parseInt(remotePort, 16)),
      Number.parseInt(counts.split(":", 1)[0] ?? "", 16),
    );
  }
  return queues;
}

/** The bytes of a socket that its peer has not confirmed, by the kernel's table. */
export function queuedBytes(wire: Wire, queues: SendQueues): number {
  return queues.get(keyOf(wire.remoteAddress ?? "", wire.remotePort ?? 0)) ?? 0;
}

function keyOf(address: string, port: number): string {
  return `${address} ${port}`;
}

/** The kernel prints addresses as words of 32 bits, each with its lowest byte first. */
function readable(hex: string): string {
  const bytes = Buffer.from(hex, "hex").swap32();
  if (bytes.length === 4) return [...bytes].join(".");
  const address = (bytes.toString("hex").match(/.{4}/g) ?? []).join(":");
  return new SocketAddress({ address, family: "ipv6" }).address;
}
