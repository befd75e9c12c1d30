import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { Intake } from "../../src/intake.js";
import type { Scanned } from "../../src/message.js";
import { WORST_SHAPES, worstMessage } from "../worst-messages.js";

const BYTES = 16 << 20;
/** What one message may take of the processor before others get their turn. */
const TURN_MS = 20;

suite("intake", () => {
  for (const shape of WORST_SHAPES) {
    test(
      `others get many turns while 16 MiB of ${shape} are scanned, and order is kept`,
      { timeout: 60_000 },
      async () => {
        const scanned: Scanned[] = [];
        const busy: boolean[] = [];
        const intake = new Intake(
          (one) => scanned.push(one),
          (is) => busy.push(is),
        );
        const text = Buffer.from(worstMessage(shape, BYTES));
        const turns: number[] = [];
        let used = process.cpuUsage();
        intake.push(text);
        intake.push(Buffer.from('{"jsonrpc":"2.0","method":"next"}'));
        while (scanned.length < 2) {
          const { user, system } = process.cpuUsage(used);
          turns.push((user + system) / 1000);
          used = process.cpuUsage();
          await new Promise((resolve) => setImmediate(resolve));
        }
        const methods = scanned.map((one) => (one.kind === "message" ? one.message.envelope.method : one.kind));
        assert.deepEqual(methods, ["load/worst", "next"]);
        assert.deepEqual(busy, [true, false], "the client rests meanwhile");
        assert.ok(turns.length > 5, `${turns.length} turns`);
        turns.sort((one, other) => one - other);
        assert.ok((turns.at(-2) ?? 0) < TURN_MS, `a turn took ${turns.slice(-3).join(", ")} ms`);
      },
    );
  }
});
