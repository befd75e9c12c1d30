import { mkdirSync } from "node:fs";
import { join } from "node:path";

import type { StandInModel } from "./stand-ins/stand-in-model.js";

/** What makes a gateway run the real OpenCode, from OPENCODE_BIN, with a home and a workspace of its own in `folder`. */
export function opencodeEnvironment(folder: string, model: StandInModel): Readonly<Record<string, string>> {
  const program = process.env["OPENCODE_BIN"];
  if (program === undefined) throw new Error("OPENCODE_BIN is not set: it names the opencode program to test with");
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  return {
    HOME: home,
    XDG_CONFIG_HOME: join(home, "config"),
    XDG_DATA_HOME: join(home, "data"),
    XDG_CACHE_HOME: join(home, "cache"),
    XDG_STATE_HOME: join(home, "state"),
    WORKSPACE: folder,
    OPENCODE_CONFIG_CONTENT: model.configuration,
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    ACP_GATEWAY_AGENT_COMMAND: JSON.stringify([program, "acp", "--hostname", "127.0.0.1", "--port", "{port}"]),
  };
}
