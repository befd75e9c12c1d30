import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { AgentDirectory } from "../../src/agent-directory.js";
import type { ConnectionContext } from "../../src/agent-link.js";
import { Connection } from "../../src/connection.js";
import { Peer } from "../../src/peer.js";
import { TurnRecords } from "../../src/turn-records.js";
import type { MemorySocket } from "./streams.js";

/** A directory of agents whose records of turns are in a folder of their own. */
export function directoryOf(context: Omit<ConnectionContext, "turns">): [AgentDirectory, ConnectionContext] {
  const turns = new TurnRecords(mkdtempSync(join(tmpdir(), "turns-")), context.log);
  turns.recover();
  const whole = { ...context, turns };
  return [new AgentDirectory(whole), whole];
}

/** A connection with a place, and its directory, which has no other one. */
export function connect(
  socket: MemorySocket,
  context: Omit<ConnectionContext, "turns">,
): { readonly connection: Connection; readonly directory: AgentDirectory } {
  const [directory, whole] = directoryOf(context);
  const visitor = { id: "id-1", socket: socket.asWebSocket, hasPlace: true };
  return { connection: new Connection(visitor, new Peer(socket.wire), whole, directory), directory };
}
