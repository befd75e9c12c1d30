import assert from "node:assert/strict";
import { after, before, suite, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";

import { WebSocket } from "ws";

import { Client } from "../client.js";
import { GatewayProcess, PASSWORD } from "../gateway-process.js";
import { residentBytes } from "../processes.js";
import { WORST_SHAPES, worstMessage } from "../worst-messages.js";

const MIB = 1 << 20;
const MESSAGE_BYTES = 16 * MIB;

/** The message itself and what it is copied to once, with what the runtime has not collected yet. */
const MEMORY_BYTES = 6 * MESSAGE_BYTES;

suite("the worst legal message", () => {
  let gateway: GatewayProcess;
  let asked = 0;
  before(async () => {
    gateway = await GatewayProcess.start({ ACP_GATEWAY_AGENT_COMMAND: '["cat"]' });
  });
  after(async () => {
    await gateway.stop();
  });

  /** The agent is `cat`: what returns is the request itself. */
  async function echo(client: Client): Promise<void> {
    const id = `echo-${(asked += 1)}`;
    client.send(JSON.stringify({ jsonrpc: "2.0", id, method: "load/echo" }));
    await client.answer((message) => message.id === id);
  }

  for (const shape of WORST_SHAPES) {
    test(`of ${shape} is relayed, in little memory and beside the others`, async () => {
      const other = await Client.open(gateway.port);
      await echo(other);
      const headers = { authorization: `Bearer ${PASSWORD}` };
      const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}/acp`, {
        headers,
        perMessageDeflate: false,
        maxPayload: 2 * MESSAGE_BYTES,
      });
      await new Promise((resolve) => socket.once("open", resolve));
      const text = worstMessage(shape, MESSAGE_BYTES);
      let returned = 0;
      socket.on("message", (data) => (returned = (data as Buffer).length));
      const before = residentBytes(gateway.pid);
      let most = before;
      socket.send(text);
      const until = performance.now() + 30_000;
      let roundTrips = 0;
      for (; returned === 0 && performance.now() < until; roundTrips += 1) {
        most = Math.max(most, residentBytes(gateway.pid));
        await echo(other);
        await wait(1);
      }
      assert.equal(returned, text.length);
      assert.ok(most - before < MEMORY_BYTES, `it took ${Math.round((most - before) / MIB)} MiB`);
      // How long they took is for `npm run load`: here the client's own work on 16 MiB is in the way.
      assert.ok(roundTrips > 3, `another client had ${roundTrips} answers meanwhile`);
      socket.terminate();
      other.close();
      await other.closed;
    });
  }
});
