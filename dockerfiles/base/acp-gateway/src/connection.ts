import type { WebSocket } from "ws";

import { AgentLink, type ConnectionContext } from "./agent-link.js";
import type { AgentExit, StopWaits } from "./agent-process.js";
import { CLOSE, type CloseCode, closeReason } from "./close-codes.js";
import { Intake } from "./intake.js";
import { BATCH_REFUSED, type Message, type MessageProblem, NOT_A_MESSAGE, NOT_JSON, type Scanned } from "./message.js";
import type { Rejection } from "./metrics.js";
import type { Peer } from "./peer.js";
import type { SendQueues } from "./wire.js";

/** After a disconnect an agent has time to save its work; at a shutdown little. */
export const DISCONNECT_WAITS: StopWaits = { inputMs: 3000, termMs: 1000 };
export const SHUTDOWN_WAITS: StopWaits = { inputMs: 1200, termMs: 500 };

/** What a socket may rest for. */
type RestReason = "scanning" | "agent";

/** Pieces of a message up to this size cost less joined than sent one by one. */
const JOINED_BYTES = 1 << 20;

/**
 * One client, with an agent of its own.
 *
 *     waiting ──first message──▶ agent starts ──▶ relaying ──either side ends──▶ closing ──both gone──▶ closed
 *
 * The agent starts with the first message, so that neither a refused nor an idle client costs its memory.
 */
export class Connection {
  readonly id: string;
  /** Resolves when the socket is closed and the agent is gone. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #context: ConnectionContext;
  readonly #firstMessageTimer: NodeJS.Timeout;
  readonly #opened = performance.now();
  readonly #peer: Peer;
  readonly #intake: Intake;
  /** Why the socket rests: it hears again when no reason is left. */
  readonly #rests = new Set<RestReason>();
  #agent: AgentLink | null = null;
  #closing = false;

  constructor(id: string, socket: WebSocket, peer: Peer, context: ConnectionContext) {
    this.id = id;
    this.#socket = socket;
    this.#peer = peer;
    this.#context = context;
    this.#firstMessageTimer = setTimeout(() => {
      // A big first message may take longer than this.
      if (peer.sendsMessage()) this.#firstMessageTimer.refresh();
      else this.#reject("no_message", CLOSE.POLICY_VIOLATION, "nothing was sent");
    }, context.settings.firstMessageMs);
    this.#intake = new Intake(
      (scanned) => {
        this.#takeScanned(scanned);
      },
      (busy) => {
        this.#rest("scanning", busy);
      },
    );
    this.closed = this.#listen();
  }

  get closing(): boolean {
    return this.#closing;
  }

  /** Closes for a shutdown: the agent gets little time. */
  shutDown(): void {
    this.#close(CLOSE.GOING_AWAY, "the gateway is shutting down");
    this.#agent?.end(SHUTDOWN_WAITS);
  }

  /** Ends the agent at once; for when the gateway itself can't go on. */
  kill(): void {
    this.#agent?.kill();
  }

  /** Called at each ping interval: closes when a side has been silent or stuck for too long, and pings. */
  checkLiveness(queues: SendQueues): void {
    if (this.#closing) return;
    this.#peer.look(queues);
    // A socket that rests can't hear anything: it counts as heard, and the agent that it rests for has its own limit.
    if (this.#socket.isPaused) this.#peer.heard();
    const { silenceMs } = this.#context.settings;
    const tooEarly = performance.now() - silenceMs;
    const blockedSince = this.#agent?.blockedSince ?? null;
    if (blockedSince !== null && blockedSince < tooEarly) {
      this.#reject("agent_stalled", CLOSE.INTERNAL_ERROR, "the agent does not read");
    } else if (this.#peer.isSilent(silenceMs)) {
      this.#countRejection("silent");
      this.#socket.terminate();
    } else {
      this.#socket.ping();
      this.#peer.pinged();
    }
  }

  async #listen(): Promise<void> {
    const socket = this.#socket;
    for (const control of ["ping", "pong"] as const) {
      socket.on(control, (content) => {
        this.#peer.heardControl(content);
      });
    }
    socket.on("message", (data, isBinary) => {
      this.#peer.heard();
      this.#take(data as Buffer, isBinary);
    });
    socket.on("error", (error) => {
      this.#countProtocolError(error);
      this.#startClosing();
    });
    const code = await new Promise<number>((resolve) => socket.once("close", resolve));
    this.#startClosing();
    const seconds = Math.round(performance.now() - this.#opened) / 1000;
    this.#context.log.info("connection_closed", { connection: this.id, code, seconds });
    await this.#agent?.done;
  }

  #take(data: Buffer, isBinary: boolean): void {
    if (this.#closing) return;
    clearTimeout(this.#firstMessageTimer);
    if (isBinary) {
      this.#reject("binary", CLOSE.UNSUPPORTED_DATA, "messages are text frames");
      return;
    }
    this.#intake.push(data);
  }

  #takeScanned(scanned: Scanned): void {
    if (this.#closing) return;
    switch (scanned.kind) {
      case "message":
        if (scanned.message.envelope.isVersion2) this.#relay(scanned.message);
        else this.#refuse(NOT_A_MESSAGE);
        break;
      case "batch":
        this.#socket.send(BATCH_REFUSED.answer);
        break;
      case "not_json":
        this.#refuse(NOT_JSON);
        break;
      case "not_a_message":
        this.#refuse(NOT_A_MESSAGE);
    }
  }

  #refuse({ answer, reason }: MessageProblem): void {
    this.#socket.send(answer);
    this.#reject("malformed", CLOSE.INVALID_PAYLOAD, reason);
  }

  #relay(message: Message): void {
    this.#agent ??= this.#linkAgent();
    this.#agent.write(message);
  }

  #rest(reason: RestReason, rests: boolean): void {
    if (rests) this.#rests.add(reason);
    else this.#rests.delete(reason);
    if (this.#rests.size > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  #linkAgent(): AgentLink {
    const socket = this.#socket;
    const side = {
      get bufferedAmount(): number {
        return socket.bufferedAmount;
      },
      send: (message: Message, done: (error?: Error | null) => void) => {
        sendMessage(socket, message, done);
      },
      pause: () => {
        this.#rest("agent", true);
      },
      resume: () => {
        this.#rest("agent", false);
      },
    };
    return new AgentLink(this.id, side, this.#context, {
      onExit: (exit) => {
        this.#close(CLOSE.INTERNAL_ERROR, exitReason(exit));
      },
      onNotStarted: () => {
        this.#reject("agent_failed", CLOSE.INTERNAL_ERROR, "the agent could not be started");
      },
      onLineTooLong: () => {
        this.#reject("agent_line_too_long", CLOSE.INTERNAL_ERROR, "the agent sent a message over the limit");
      },
      onUnblocked: () => {
        this.#peer.heard();
      },
    });
  }

  #reject(rejection: Rejection, code: CloseCode, reason: string): void {
    if (this.#closing) return;
    this.#countRejection(rejection);
    this.#close(code, reason);
  }

  #close(code: CloseCode, reason: string): void {
    if (this.#closing) return;
    this.#startClosing();
    this.#socket.close(code, closeReason(reason));
  }

  /** From here on nothing is relayed; a socket that rested must hear the other side's close frame. */
  #startClosing(): void {
    if (this.#closing) return;
    this.#closing = true;
    clearTimeout(this.#firstMessageTimer);
    this.#socket.resume();
    this.#agent?.end(DISCONNECT_WAITS);
  }

  /** `ws` has closed the socket with the code that fits. */
  #countProtocolError(error: Error): void {
    const { code } = error as NodeJS.ErrnoException;
    if (this.#closing || code?.startsWith("WS_ERR_") !== true) return;
    if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") this.#countRejection("oversized");
    else this.#countRejection(code === "WS_ERR_INVALID_UTF8" ? "malformed" : "protocol");
  }

  #countRejection(rejection: Rejection): void {
    this.#context.metrics.reject(rejection);
    this.#context.log.warning("connection_rejected", { connection: this.id, rejection });
  }
}

/** Sends a message as one text; a large one in the pieces that it came in, without copying them. */
function sendMessage(socket: WebSocket, message: Message, done: (error?: Error | null) => void): void {
  const parts = message.bytes > JOINED_BYTES ? message.parts : [Buffer.concat(message.parts)];
  parts.forEach((part, index) => {
    if (index < parts.length - 1) socket.send(part, { binary: false, fin: false });
    else socket.send(part, { binary: false }, done);
  });
}

function exitReason(exit: AgentExit): string {
  return exit.signal === null
    ? `the agent exited with code ${exit.code ?? "unknown"}`
    : `${exit.signal} ended the agent`;
}
