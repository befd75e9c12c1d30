import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { closeReason } from "../../src/close-codes.js";
import { jsonLog } from "../../src/log.js";
import { Metrics } from "../../src/metrics.js";
import { Histogram } from "../../src/prometheus.js";

suite("log", () => {
  test("an event is one line of JSON, even when a value has line breaks", () => {
    const lines: string[] = [];
    const log = jsonLog(
      (line) => lines.push(line),
      () => new Date(0),
    );
    log.warning("agent_stderr", { text: 'a\n"b"' });
    const expected = { time: "1970-01-01T00:00:00.000Z", level: "warning", service: "acp-gateway" };
    assert.deepEqual(JSON.parse(lines.join("")), { ...expected, event: "agent_stderr", text: 'a\n"b"' });
    assert.equal(lines.join("").split("\n").length, 2);
  });
});

suite("metrics", () => {
  test("every sample has a header, and a rejection that never happened is 0", () => {
    const metrics = new Metrics({ connections: () => 3, maxConnections: 4, agents: () => 2 });
    metrics.relayed("inbound", 100, 0.002);
    metrics.reject("binary");
    const lines = metrics.render().split("\n");
    for (const line of [
      "acp_gateway_connections 3",
      "acp_gateway_connections_limit 4",
      "acp_gateway_agents 2",
      'acp_gateway_messages_total{direction="inbound"} 1',
      'acp_gateway_message_bytes_total{direction="inbound"} 100',
      'acp_gateway_rejected_total{reason="binary"} 1',
      'acp_gateway_rejected_total{reason="limit"} 0',
      'acp_gateway_relay_seconds_bucket{direction="inbound",le="0.001"} 0',
      'acp_gateway_relay_seconds_bucket{direction="inbound",le="0.0025"} 1',
    ]) {
      assert.ok(lines.includes(line), line);
    }
    const names = new Set(
      lines.filter((line) => line !== "" && !line.startsWith("#")).map((line) => line.split(/[ {]/)[0]),
    );
    for (const name of names) {
      const family = name?.replace(/_(bucket|sum|count)$/, "") ?? "";
      assert.ok(
        lines.some((line) => line.startsWith(`# TYPE ${family} `) || line.startsWith(`# TYPE ${name ?? ""} `)),
        name,
      );
    }
  });

  test("a histogram's buckets add up, and the last holds everything", () => {
    const histogram = new Histogram({ name: "h", help: "." }, "d", ["x"], [1, 2]);
    for (const value of [0.5, 1, 1.5, 9]) histogram.observe(value, "x");
    assert.deepEqual(histogram.lines().slice(2), [
      'h_bucket{d="x",le="1"} 2',
      'h_bucket{d="x",le="2"} 3',
      'h_bucket{d="x",le="+Inf"} 4',
      'h_sum{d="x"} 12',
      'h_count{d="x"} 4',
    ]);
  });
});

suite("close reason", () => {
  test("it is cut to what a close frame carries, never inside a character", () => {
    assert.equal(closeReason("short"), "short");
    assert.equal(closeReason("x".repeat(200)).length, 123);
    const cut = closeReason("é".repeat(100));
    assert.equal(Buffer.byteLength(cut), 122);
    assert.ok(!cut.includes("\ufffd"));
  });
});
