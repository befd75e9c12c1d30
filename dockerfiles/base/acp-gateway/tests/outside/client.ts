/**
 * A client of the official SDK as a program: `client.js URL FOLDER COMMAND`, with the token in ACP_TOKEN. Prompts the
 * agent to run the command in the folder, prints what came of it as one line of JSON, and leaves when its input ends.
 */
import { once } from "node:events";
import { argv, env, stdin, stdout } from "node:process";

import { methods, type PromptResponse } from "@agentclientprotocol/sdk";

import { connectAcp, spoken } from "../acp-client.js";

const [url = "", folder = "", command = ""] = argv.slice(2);
const acp = connectAcp(url, { password: env["ACP_TOKEN"] ?? "" });
const { agent } = acp.connection;
const { protocolVersion, agentInfo } = await agent.request(methods.agent.initialize, { protocolVersion: 1 });
const { sessionId } = await agent.request(methods.agent.session.new, { cwd: folder, mcpServers: [] });
const prompt = [{ type: "text" as const, text: `run: ${command}` }];
const { stopReason }: PromptResponse = await agent.request(methods.agent.session.prompt, { sessionId, prompt });
const told = { protocolVersion, agent: agentInfo?.name, stopReason, permissions: acp.permissions, spoken: spoken(acp) };
stdout.write(`${JSON.stringify(told)}\n`);
stdin.resume();
await once(stdin, "end");
acp.connection.close();
await acp.connection.closed;
