import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { beforeEach, suite, test } from "node:test";

import { Anteroom, type WaitingSocket } from "../../src/anteroom.js";

class MemorySocket extends EventEmitter {
  readonly remoteAddress: string;
  destroyed = false;

  constructor(remoteAddress: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  destroy(): this {
    this.destroyed = true;
    this.emit("close");
    return this;
  }
}

suite("anteroom", () => {
  let evicted = 0;
  let anteroom = new Anteroom({ total: 1, perAddress: 1 }, () => undefined);
  beforeEach(() => {
    evicted = 0;
    anteroom = new Anteroom({ total: 6, perAddress: 3 }, () => {
      evicted += 1;
    });
  });

  function enter(...addresses: readonly string[]): MemorySocket[] {
    return addresses.map((address) => {
      const socket = new MemorySocket(address);
      anteroom.enter(socket as unknown as WaitingSocket);
      return socket;
    });
  }

  const gone = (sockets: readonly MemorySocket[]): number[] =>
    sockets.flatMap(({ destroyed }, index) => (destroyed ? [index] : []));

  test("one too many of an address makes its oldest go, and no other's", () => {
    const sockets = enter("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.1", "10.0.0.1");
    assert.deepEqual(gone(sockets), [0]);
    assert.deepEqual([evicted, anteroom.size], [1, 4]);
  });

  test("one too many in all makes the oldest of the address with most go", () => {
    const sockets = enter("10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5");
    assert.deepEqual(gone(sockets), [1]);
  });

  test("from as many addresses as there are places, the newest still gets in", () => {
    const sockets = enter(...Array.from({ length: 20 }, (_, index) => `10.0.1.${index}`));
    assert.equal(anteroom.size, 6);
    assert.deepEqual(gone(sockets.slice(-6)), []);
  });

  test("nobody outside takes loopback's place, and loopback takes none from outside", () => {
    const [probe] = enter("127.0.0.1");
    const crowd = enter(...Array.from({ length: 20 }, (_, index) => `10.0.1.${index}`));
    assert.equal(probe?.destroyed, false);
    const own = enter("::1", "::ffff:127.0.0.1", "127.0.0.1", "127.0.0.1");
    assert.equal(gone(crowd).length, 14);
    assert.deepEqual([probe.destroyed, gone(own)], [true, []], "its own oldest went, however its address is written");
  });

  test("a network of IPv6 counts as one address, since one machine has all of its addresses", () => {
    const sockets = enter(
      "2001:db8:1:2::1",
      "2001:db8:1:2:a:b:c:d",
      "2001:db8:1:2::3",
      "2001:db8:1:3::1",
      "2001:db8:1:2::4",
    );
    assert.deepEqual(gone(sockets), [0]);
    assert.deepEqual(gone(enter("fe80::1%eth0", "fe80::2%eth0", "fe80::3", "fe80::4")), [0]);
  });

  test("who logged in, or left, counts no more", () => {
    const [client, other] = enter("10.0.0.1", "10.0.0.1");
    anteroom.leave(client as unknown as WaitingSocket);
    other?.destroy();
    enter("10.0.0.1", "10.0.0.1", "10.0.0.1");
    assert.deepEqual([client?.destroyed, evicted, anteroom.size], [false, 0, 3]);
  });
});
