import assert from "node:assert/strict";
import { suite, test } from "node:test";

import { type Environment, SettingsError } from "../../src/environment.js";
import { isLoopback } from "../../src/loopback.js";
import { PasswordHash } from "../../src/password.js";
import { readSettings, readTierMemory } from "../../src/settings.js";

const GB = 1_000_000_000;
const TOKEN = { ACP_GATEWAY_PASSWORD: "secret" };

function problemOf(environment: Environment): string {
  try {
    readSettings(environment, GB);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  return "";
}

suite("settings", () => {
  test("nothing is needed: loopback, the real agent, and room for one on a small machine", () => {
    const settings = readSettings({ OPENCODE_HOST: "0.0.0.0", WORKSPACE: "/work" }, GB);
    assert.equal(settings.host, "127.0.0.1");
    assert.equal(settings.port, 4097);
    assert.equal(settings.login, null);
    assert.equal(settings.workspace, "/work");
    assert.deepEqual(settings.agentCommand.slice(0, 2), ["opencode", "acp"]);
    assert.equal(settings.maxConnections, 1);
    assert.equal(settings.maxMessageBytes, 16_777_216);
  });

  test("with a token the host is the gateway's own, then OpenCode's, then every address", () => {
    assert.equal(readSettings({ ...TOKEN }, GB).host, "0.0.0.0");
    assert.equal(readSettings({ ...TOKEN, OPENCODE_HOST: "10.0.0.1" }, GB).host, "10.0.0.1");
    const both = { ...TOKEN, OPENCODE_HOST: "10.0.0.1", ACP_GATEWAY_HOST: "::" };
    assert.equal(readSettings(both, GB).host, "::");
    assert.equal(readSettings(TOKEN, GB).login?.username, "opencode");
    assert.ok(readSettings(TOKEN, GB).login?.password.matchesNow(Buffer.from("secret")));
  });

  test("an address that can be reached from outside is refused without a token", () => {
    for (const host of ["0.0.0.0", "::", "192.168.1.2", "example.org"]) {
      assert.match(problemOf({ ACP_GATEWAY_HOST: host }), /ACP_GATEWAY_PASSWORD/);
      for (const blank of ["", "   ", "\t\n"]) {
        assert.match(problemOf({ ACP_GATEWAY_HOST: host, ACP_GATEWAY_PASSWORD: blank }), /ACP_GATEWAY_PASSWORD/);
      }
    }
    assert.equal(problemOf({ ACP_GATEWAY_HOST: "127.0.0.1" }), "");
  });

  test("the limit follows from the memory, unless it is set", () => {
    assert.equal(readSettings({}, 2 * 1024 ** 3).maxConnections, 2);
    assert.equal(readSettings({}, 4 * 1024 ** 3).maxConnections, 5);
    assert.equal(readSettings({ ACP_GATEWAY_AGENT_MEMORY_MB: "2000" }, 8 * GB).maxConnections, 3);
    assert.equal(readSettings({ ACP_GATEWAY_RESERVED_MEMORY_MB: "6500" }, 8 * GB).maxConnections, 2);
    assert.equal(readSettings({ ACP_GATEWAY_MAX_CONNECTIONS: "40" }, GB).maxConnections, 40);
  });

  test("the tier's memory is a number of bytes, or not told", () => {
    assert.equal(readTierMemory({}), null);
    assert.equal(readTierMemory({ CODEOPEN_TIER_MEMORY_BYTES: "4294967296" }), 4 * 1024 ** 3);
    for (const text of ["4Gi", "0", "-1", "1e9"]) {
      assert.throws(
        () => readTierMemory({ CODEOPEN_TIER_MEMORY_BYTES: text }),
        /^SettingsError: CODEOPEN_TIER_MEMORY_B/,
      );
    }
  });

  test("allowed origins are told as browsers write them, however they are written", () => {
    const origins =
      "HTTPS://Ide.Example/, http://box:80,https://box:443 , http://Bücher.example:8080, vscode-webview://AbC";
    assert.deepEqual(
      [...readSettings({ ACP_GATEWAY_ALLOWED_ORIGINS: origins }, GB).allowedOrigins],
      ["https://ide.example", "http://box", "https://box", "http://xn--bcher-kva.example:8080", "vscode-webview://abc"],
    );
  });

  test("what is no origin is refused with the variable and what to write", () => {
    for (const text of [
      "ide.example",
      "ide.example:443",
      "https://ide.example/path",
      "https://ide.example?x",
      "https://ide.example#x",
      "https://me@ide.example",
      "https://*.example",
      "https://ide.example:99999",
      "https://a.example b.example",
      "https:ide.example",
      "//ide.example",
      "wss://ide.example",
      "file:///",
      "https://",
      "null",
      "*",
    ]) {
      const problem = problemOf({ ACP_GATEWAY_ALLOWED_ORIGINS: `https://good.example,${text}` });
      assert.ok(problem.startsWith(`ACP_GATEWAY_ALLOWED_ORIGINS: ${text} is no page's origin; write scheme`), text);
    }
  });

  test("the metrics have a token of their own, which is not the password", () => {
    assert.equal(readSettings(TOKEN, GB).metricsToken, null);
    assert.equal(readSettings({ ...TOKEN, ACP_GATEWAY_METRICS_TOKEN: "t" }, GB).metricsToken, "t");
    const problem = problemOf({ ...TOKEN, ACP_GATEWAY_METRICS_TOKEN: "secret" });
    assert.match(problem, /^ACP_GATEWAY_METRICS_TOKEN: it is the password; write another one/);
  });

  test("a hash stands for the password, and not beside it", () => {
    const hashed = { ACP_GATEWAY_PASSWORD_HASH: PasswordHash.of("secret").toString() };
    const { login, host } = readSettings(hashed, GB);
    assert.equal(host, "0.0.0.0");
    assert.deepEqual(
      [login?.password.matchesNow(Buffer.from("secret")), login?.password.matchesNow(Buffer.from("x"))],
      [true, false],
    );
    assert.match(problemOf({ ...hashed, ...TOKEN }), /^ACP_GATEWAY_PASSWORD_HASH: .*set one of the two/);
    assert.match(problemOf({ ACP_GATEWAY_PASSWORD_HASH: "=14,r=8,p=1" }), /codeopen-hash-password.*dollar signs/);
    assert.match(problemOf({ ...hashed, ACP_GATEWAY_METRICS_TOKEN: "secret" }), /^ACP_GATEWAY_METRICS_TOKEN/);
  });

  test("a wrong value names its variable, and what to write", () => {
    assert.match(problemOf({ ACP_GATEWAY_PORT: "65536" }), /^ACP_GATEWAY_PORT: 65536 .*0 to 65535/);
    assert.match(problemOf({ ACP_GATEWAY_PORT: "4097a" }), /^ACP_GATEWAY_PORT/);
    assert.match(problemOf({ ACP_GATEWAY_MAX_CONNECTIONS: "0" }), /^ACP_GATEWAY_MAX_CONNECTIONS: 0 /);
    assert.match(problemOf({ ACP_GATEWAY_PING_SECONDS: "-1" }), /^ACP_GATEWAY_PING_SECONDS/);
    assert.match(problemOf({ ACP_GATEWAY_AGENT_COMMAND: "opencode acp" }), /JSON list/);
    assert.match(problemOf({ ACP_GATEWAY_AGENT_COMMAND: "[]" }), /JSON list/);
    assert.match(problemOf({ ACP_GATEWAY_LOG_AGENT_STDERR: "yes" }), /0 or 1/);
    assert.match(problemOf({ ACP_GATEWAY_USERNAME: "a:b" }), /colon/);
  });

  test("loopback is loopback in every spelling", () => {
    for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.1", "::1"]) assert.ok(isLoopback(host), host);
    for (const host of ["0.0.0.0", "127.0.0.1.example.org", "::", "10.0.0.1", ""]) assert.ok(!isLoopback(host), host);
  });
});
