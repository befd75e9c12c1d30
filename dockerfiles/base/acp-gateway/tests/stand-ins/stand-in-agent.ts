/**
 * A small agent that stands in for `opencode acp`: JSON-RPC over stdio, one message a line. Beside the few ACP methods
 * that a client needs, it has methods of its own (`stand-in/…`) that misbehave on request.
 */
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";

type Params = Readonly<Record<string, unknown>>;
type Id = string | number;
type Send = (message: Readonly<Record<string, unknown>>) => void;

interface Message {
  readonly id?: Id;
  readonly method?: string;
  readonly params?: Params;
  readonly result?: unknown;
}

const LINE_FEED = 0x0a;

const send: Send = (message) => {
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
};

/** Requests that the stand-in sent to the client, by id, with what their answer leads to. */
const asked = new Map<Id, (result: unknown) => void>();

const answers: unknown[] = [];
const cancelled: unknown[] = [];
let permissions = 0;
/** What was said in each session. */
const told = new Map<string, string[]>();

function tell(sessionId: string, text: string): void {
  const update = { sessionUpdate: "agent_message_chunk", content: { type: "text", text } };
  send({ method: "session/update", params: { sessionId, update } });
}

function promptText(params: Params): string {
  const [block] = (params["prompt"] ?? []) as readonly { readonly text?: string }[];
  return block?.text ?? "";
}

/** Says 1, 2, 3 and so on, and ends the turn; `bytes` more with each. */
async function count(sessionId: string, id: Id, last: number, everyMs: number, bytes: number): Promise<void> {
  const all = told.get(sessionId) ?? [];
  told.set(sessionId, all);
  for (let number = 1; number <= last; number += 1) {
    await new Promise((resolve) => setTimeout(resolve, everyMs));
    const text = `${number} ${"x".repeat(bytes)}`;
    all.push(text);
    tell(sessionId, text);
  }
  send({ id, result: { stopReason: "end_turn" } });
}

/** Each method's result. `undefined`: no answer, or one that comes later. */
const methods: Readonly<Record<string, (params: Params, id: Id, line: Buffer) => unknown>> = {
  initialize: () => ({ protocolVersion: 1, agentCapabilities: { loadSession: true }, authMethods: [] }),
  "session/new": () => ({ sessionId: randomUUID() }),
  /** Like OpenCode 1.18, it does not repeat the session's id. */
  "session/load": ({ sessionId }, id) => {
    for (const text of told.get(sessionId as string) ?? []) tell(sessionId as string, text);
    send({ id, result: { modes: null } });
    return undefined;
  },
  "session/resume": () => ({ modes: null }),
  "session/list": () => ({ sessions: [...told.keys()].map((sessionId) => ({ sessionId, cwd: "/tmp" })) }),
  "session/prompt": (params, id) => {
    const { sessionId } = params;
    const counted = /^count (\d+) every (\d+)( of (\d+))?$/.exec(promptText(params));
    if (counted !== null) {
      void count(sessionId as string, id, Number(counted[1]), Number(counted[2]), Number(counted[4] ?? 0));
      return undefined;
    }
    const toolCall = { toolCallId: "call-1", title: "write a file" };
    const options = [{ optionId: "yes", name: "Allow", kind: "allow_once" }];
    permissions += 1;
    const permission = `permission-${permissions}`;
    asked.set(permission, (answer) => {
      answers.push(answer);
      asked.delete(permission);
      send({ id, result: { stopReason: "end_turn" } });
    });
    send({ id: permission, method: "session/request_permission", params: { sessionId, toolCall, options } });
    return undefined;
  },
  "$/cancel_request": ({ requestId }) => {
    cancelled.push(requestId);
    return undefined;
  },
  /** Each request that a client cancelled. */
  "stand-in/cancelled": () => ({ cancelled }),
  /** Every answer that a request for a permission got. */
  "stand-in/answers": () => ({ answers }),
  /** Asks the client for a file, and answers with what it is given. */
  "stand-in/read": (_params, id) => {
    asked.set("read-1", (result) => {
      send({ id, result });
    });
    send({ id: "read-1", method: "fs/read_text_file", params: { path: "/x" } });
    return undefined;
  },
  "stand-in/echo": (params) => params,
  "stand-in/length": ({ text }) => ({ length: (text as string).length }),
  /** What was received, to the byte. */
  "stand-in/bytes": (_params, _id, line) => ({ base64: line.toString("base64") }),
  "stand-in/process": () => ({
    pid: process.pid,
    directory: process.cwd(),
    arguments: process.argv.slice(2),
    environment: process.env,
  }),
  "stand-in/exit": ({ code }) => process.exit(code as number),
  "stand-in/exit_when_printed": ({ code }) => {
    process.stdout.write("", () => process.exit(code as number));
  },
  "stand-in/crash": () => process.kill(process.pid, "SIGKILL"),
  "stand-in/print": ({ text }) => {
    process.stdout.write(text as string);
    return {};
  },
  "stand-in/print_base64": ({ base64 }) => {
    process.stdout.write(Buffer.from(base64 as string, "base64"));
    return {};
  },
  "stand-in/complain": ({ text }) => {
    process.stderr.write(text as string);
    return {};
  },
  "stand-in/flood": ({ count, bytes }) => {
    void flood(count as number, "x".repeat(bytes as number));
    return {};
  },
  "stand-in/stop_reading": () => {
    process.stdin.pause();
    setInterval(() => undefined, 60_000);
    return {};
  },
  /** From now on a piece of at most 64 KiB is read each so many milliseconds. */
  "stand-in/read_slowly": ({ every }) => {
    process.stdin.on("data", () => {
      process.stdin.pause();
      setTimeout(() => process.stdin.resume(), every as number);
    });
    return {};
  },
  /** From now on only SIGKILL ends the stand-in. */
  "stand-in/ignore_end": () => {
    process.on("SIGTERM", () => undefined);
    setInterval(() => undefined, 60_000);
    return {};
  },
  /** Starts a program like a tool's command: in the stand-in's group, or in a session of its own. */
  "stand-in/run": ({ detached }) => {
    const child = spawn("sleep", ["600"], { detached: detached === true, stdio: "ignore" });
    child.unref();
    return { pid: child.pid };
  },
};

/** Sends as fast as the other side takes it, and goes on with everything else meanwhile. */
async function flood(count: number, text: string): Promise<void> {
  for (let index = 0; index < count; index += 1) {
    send({ method: "stand-in/drop", params: { index, text } });
    if (process.stdout.writableNeedDrain) await once(process.stdout, "drain");
  }
}

function take(line: Buffer): void {
  const { id, method, params, result } = JSON.parse(line.toString("utf8")) as Message;
  if (method === undefined) {
    if (id !== undefined) asked.get(id)?.(result);
    return;
  }
  const run = methods[method];
  if (run === undefined) {
    if (id !== undefined) send({ id, error: { code: -32601, message: "Method not found", data: { method } } });
    return;
  }
  const answer = run(params ?? {}, id ?? "", line);
  if (id !== undefined && answer !== undefined) send({ id, result: answer });
}

let unfinished = Buffer.alloc(0);
process.stdin.on("data", (chunk: Buffer) => {
  unfinished = Buffer.concat([unfinished, chunk]);
  for (let end = unfinished.indexOf(LINE_FEED); end !== -1; end = unfinished.indexOf(LINE_FEED)) {
    take(unfinished.subarray(0, end));
    unfinished = unfinished.subarray(end + 1);
  }
});
