import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, suite, test } from "node:test";

import { Peer } from "../../src/peer.js";
import { parseSendQueues, queuedBytes } from "../../src/wire.js";

const LIMIT_MS = 10_000;
const PING_MS = 2000;

/** A client's socket, with what the kernel holds for it. */
class MemoryWire {
  bytesRead = 0;
  _bytesDispatched = 0;
  readonly remoteAddress = "10.0.0.7";
  readonly remotePort = 5000;
  queued = 0;

  get queues(): ReadonlyMap<string, number> {
    return new Map([["10.0.0.7 5000", this.queued]]);
  }
}

suite("peer", () => {
  let now = 0;
  let wire = new MemoryWire();
  beforeEach(() => {
    now = 1000;
    wire = new MemoryWire();
    mock.method(performance, "now", () => now);
  });
  afterEach(() => {
    mock.restoreAll();
  });

  /** Looks at each ping until the client counts as silent; the milliseconds, at most `most`. */
  function silentAfter(peer: Peer, step: () => void, most = 20 * LIMIT_MS): number {
    const began = now;
    while (now - began < most) {
      now += PING_MS;
      step();
      peer.look(wire.queues);
      if (peer.isSilent(LIMIT_MS)) break;
      peer.pinged();
      wire._bytesDispatched += 2;
      wire.queued += 2;
    }
    return now - began;
  }

  test("bytes that come in are a sign of life", () => {
    const upload = (): void => {
      wire.bytesRead += 1000;
      wire.queued = 0;
    };
    assert.equal(silentAfter(new Peer(wire), upload), 20 * LIMIT_MS);
  });

  test("bytes that the client's machine confirms are one, those that the own kernel took are none", () => {
    const peer = new Peer(wire);
    wire._bytesDispatched += 5_000_000;
    wire.queued = 5_000_000;
    const download = (): void => {
      wire.queued -= 50_000;
    };
    assert.equal(silentAfter(peer, download, 15 * LIMIT_MS), 15 * LIMIT_MS);
    const stream = (): void => {
      wire._bytesDispatched += 1000;
      wire.queued += 1000;
    };
    assert.ok(silentAfter(peer, stream) <= LIMIT_MS + PING_MS, "its packets are dropped");
  });

  test("a program that hangs is silent, though its machine confirms each ping", () => {
    const confirm = (): void => {
      wire.queued = 0;
    };
    assert.equal(silentAfter(new Peer(wire), confirm), LIMIT_MS + PING_MS);
  });

  test("a program may read what its machine holds for it, at some speed", () => {
    const peer = new Peer(wire);
    wire._bytesDispatched += 640_000;
    const confirm = (): void => {
      wire.queued = 0;
    };
    assert.equal(silentAfter(peer, confirm), LIMIT_MS + 20_000 + 2 * PING_MS);
    peer.heard();
    assert.equal(silentAfter(peer, confirm), LIMIT_MS + PING_MS, "it has read all of that");
    assert.equal(
      silentAfter(peer, () => undefined),
      PING_MS,
    );
  });

  test("the kernel's tables tell what is not confirmed, by the other side's address and port", () => {
    const head = "  sl  local_address rem_address   st tx_queue:rx_queue tr:tm->when retrnsmt   uid  timeout inode";
    const rest = "00:00000000 00000000  1000        0 1 1 0000000000000000 20 4 30 10 -1";
    const v4 = `   1: 0100007F:1001 0700000A:1388 01 0000002A:00000007 ${rest}`;
    const other = `   2: 0100007F:1002 0800000A:1388 01 0000002B:00000000 ${rest}`;
    const mapped = `   3: 0000000000000000FFFF00000100007F:1001 0000000000000000FFFF00000700000A:1389 01 00000001:00000000 ${rest}`;
    const v6 = `   4: B80D0120000000000000000001000000:1001 B80D0120000000000000000002000000:0050 01 0000FFFF:00000000 ${rest}`;
    const queues = parseSendQueues([head, v4, other, mapped, head, v6, ""].join("\n"), 4097);
    const held = (remoteAddress: string, remotePort: number): number =>
      queuedBytes({ bytesRead: 0, remoteAddress, remotePort }, queues);
    assert.equal(held("10.0.0.7", 5000), 42);
    assert.equal(held("10.0.0.8", 5000), 0, "it is another port's");
    assert.equal(held("::ffff:10.0.0.7", 5001), 1);
    assert.equal(held("2001:db8::2", 80), 65_535);
    assert.equal(queues.size, 3);
  });
});
