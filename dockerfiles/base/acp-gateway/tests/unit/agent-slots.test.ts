import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { AgentSlots } from "../../src/agent-slots.js";
import { settled } from "./streams.js";

const never = new AbortController().signal;

suite("agent slots", () => {
  test("who comes first is served first, and only as many as there are slots", async () => {
    const slots = new AgentSlots(2);
    const releases = [await slots.acquire(never), await slots.acquire(never)];
    const order: string[] = [];
    void slots.acquire(never).then(() => order.push("first"));
    void slots.acquire(never).then(() => order.push("second"));
    await settled();
    assert.deepEqual(order, []);
    releases[0]?.();
    await settled();
    assert.deepEqual(order, ["first"]);
    releases[1]?.();
    await settled();
    assert.deepEqual(order, ["first", "second"]);
    assert.equal(slots.used, 2);
  });

  test("a slot that is given back twice counts once", async () => {
    const slots = new AgentSlots(2);
    const release = await slots.acquire(never);
    await slots.acquire(never);
    release();
    release();
    assert.equal(slots.used, 1);
  });

  test("who gives up waiting gets none, and does not hold up the others", async () => {
    const slots = new AgentSlots(1);
    const release = await slots.acquire(never);
    const impatient = new AbortController();
    const gaveUp = assert.rejects(slots.acquire(impatient.signal), /enough/);
    const patient = slots.acquire(never);
    impatient.abort(new Error("enough"));
    await gaveUp;
    release();
    (await patient)();
    assert.equal(slots.used, 0);
  });
});
