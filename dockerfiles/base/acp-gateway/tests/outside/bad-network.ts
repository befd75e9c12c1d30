/**
 * A client on a bad network as a program: `bad-network.js PORT FOLDER`, with the token in ACP_TOKEN. It reads steps from
 * its input, a line each, and tells what came of each as a line of JSON.
 *
 *     prompt COMMAND     opens a session, asks for the command, and allows it
 *     watch              a second client takes the session up
 *     both COMMAND       asks for the command, which both clients allow at once
 *     cut                destroys the socket; nothing is said
 *     port PORT          where the gateway is from now on
 *     resume, load       comes back
 *     told METHOD        waits for a notification
 *     answered           waits for the answer to the last prompt
 *     closed             waits for the end of the connection
 *     upload BYTES RATE  sends a message of so many bytes at so many bytes a second
 *     bye                closes
 */
import assert from "node:assert/strict";
import { argv, env, stdin, stdout } from "node:process";
import { createInterface } from "node:readline";

import { Client } from "../client.js";
import { SlowLink } from "../slow-link.js";

const [givenPort = "", folder = ""] = argv.slice(2);
const headers = { authorization: `Bearer ${env["ACP_TOKEN"] ?? ""}` };
let port = Number(givenPort);
let client: Client | null = null;
let second: Client | null = null;
let sessionId = "";
let prompt = 0;

function current(): Client {
  assert.ok(client !== null, "nothing is open");
  return client;
}

async function open(at = port): Promise<Client> {
  const opened = await Client.open(at, { headers });
  await opened.request("initialize", { protocolVersion: 1 });
  return opened;
}

async function begin(): Promise<void> {
  client ??= await open();
  if (sessionId !== "") return;
  const { result } = await client.request("session/new", { cwd: folder, mcpServers: [] });
  sessionId = result?.["sessionId"] as string;
}

async function takeUp(method: "session/load" | "session/resume"): Promise<Client> {
  const opened = await open();
  const { result, error } = await opened.request(method, { sessionId, cwd: folder, mcpServers: [] });
  assert.ok(result !== undefined, JSON.stringify(error));
  return opened;
}

/** Allows each request for a permission, when all clients were asked for it. */
async function allow(...clients: readonly Client[]): Promise<void> {
  const asked = clients.map(async (one) => one.answer(({ method }) => method === "session/request_permission"));
  for (const [index, { id, params }] of (await Promise.all(asked)).entries()) {
    const options = params?.["options"] as { kind: string; optionId: string }[];
    const optionId = options.find(({ kind }) => kind === "allow_once")?.optionId;
    clients[index]?.send(
      JSON.stringify({ jsonrpc: "2.0", id, result: { outcome: { outcome: "selected", optionId } } }),
    );
  }
}

async function answered(): Promise<unknown> {
  const { result, error } = await current().answer(({ id, method }) => id === prompt && method === undefined);
  return result ?? error;
}

/** What a client was shown of a turn, without what the gateway adds. */
function seen({ received }: Client): readonly string[] {
  return received.filter((text) => text.includes('"session/update"') && text.includes("_chunk"));
}

const steps: Readonly<Record<string, (rest: string) => Promise<unknown>>> = {
  prompt: async (command) => {
    await begin();
    prompt = current().prompt(sessionId, `run: ${command}`);
    await allow(current());
    return sessionId;
  },
  watch: async () => {
    await begin();
    second = await takeUp("session/resume");
    return null;
  },
  both: async (command) => {
    assert.ok(second !== null);
    const from = [current(), second].map((one) => seen(one).length);
    prompt = current().prompt(sessionId, `run: ${command}`);
    await allow(current(), second);
    const result = await answered();
    await second.told("_codeopen/turn_ended");
    const turns = [current(), second].map((one, index) => seen(one).slice(from[index]));
    const late = [current(), second].filter(({ received }) =>
      received.some((text) => text.includes("$/cancel_request")),
    );
    second.close();
    await second.closed;
    return { result, turns, late: late.length };
  },
  cut: async () => {
    current().socket.terminate();
    await current().closed;
    return null;
  },
  port: (given) => {
    port = Number(given);
    return Promise.resolve(port);
  },
  resume: async () => {
    client = await takeUp("session/resume");
    return null;
  },
  load: async () => {
    client = await takeUp("session/load");
    return null;
  },
  told: async (method) => current().told(method),
  answered,
  closed: async () => (await current().closed).code,
  upload: async (given) => {
    const [bytes = 0, rate = 0] = given.split(" ").map(Number);
    const link = await SlowLink.to(port, rate);
    const slow = await open(link.port);
    const start = performance.now();
    const { error } = await slow.request("_no/such_method", { text: "x".repeat(bytes) });
    const seconds = (performance.now() - start) / 1000;
    slow.close();
    await slow.closed;
    link.close();
    return { seconds, code: error?.code };
  },
  bye: async () => {
    current().close();
    return (await current().closed).code;
  },
};

for await (const line of createInterface({ input: stdin })) {
  const [name = "", ...rest] = line.split(" ");
  const step = steps[name];
  assert.ok(step !== undefined, line);
  stdout.write(`${JSON.stringify({ step: name, told: (await step(rest.join(" "))) ?? null })}\n`);
}
