/**
 * An OpenAI-compatible server that stands in for a language model. Asked to `run: COMMAND`, it calls the tool `bash` with
 * the command, and says that it is done once it has the tool's result.
 */
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

interface Completion {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
  readonly tools?: readonly unknown[];
}

/** What the model says at the end of each prompt. */
export const FAREWELL = "All is done.";

export class StandInModel {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<StandInModel> {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        response.writeHead(200, { "Content-Type": "text/event-stream" });
        const deltas = answer(JSON.parse(body) as Completion);
        for (const [delta, finish] of deltas) response.write(`data: ${chunk(delta, finish)}\n\n`);
        response.end("data: [DONE]\n\n");
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new StandInModel(server);
  }

  /** OpenCode's configuration that makes this its only model, and makes it ask before each command. */
  get configuration(): string {
    const { port } = this.#server.address() as AddressInfo;
    return JSON.stringify({
      model: "stand-in/model",
      small_model: "stand-in/model",
      autoupdate: false,
      permission: { bash: "ask" },
      provider: {
        "stand-in": {
          npm: "@ai-sdk/openai-compatible",
          name: "Stand-in",
          options: { baseURL: `http://127.0.0.1:${port}/v1`, apiKey: "none" },
          models: { model: { name: "Stand-in model" } },
        },
      },
    });
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

type Delta = readonly [delta: unknown, finish: string | null];

function answer({ messages, tools = [] }: Completion): readonly Delta[] {
  const last = messages.at(-1);
  const command = /run: ([^"\\]+)/.exec(JSON.stringify(last?.content))?.[1];
  // A request for a title comes without tools.
  if (last?.role !== "user" || tools.length === 0 || command === undefined) {
    return [
      [{ role: "assistant", content: FAREWELL }, null],
      [{}, "stop"],
    ];
  }
  const call = { name: "bash", arguments: JSON.stringify({ command, description: "as asked" }) };
  return [
    [{ role: "assistant", tool_calls: [{ index: 0, id: "call_1", type: "function", function: call }] }, null],
    [{}, "tool_calls"],
  ];
}

function chunk(delta: unknown, finish: string | null): string {
  const choices = [{ index: 0, delta, finish_reason: finish }];
  return JSON.stringify({ id: "completion", object: "chat.completion.chunk", created: 1, model: "model", choices });
}
