import type { WebSocket } from "ws";

import { AgentLink, type ConnectionContext } from "./agent-link.js";
import type { AgentExit, StopWaits } from "./agent-process.js";
import { CLOSE, type CloseCode, closeReason } from "./close-codes.js";
import { checkMessage } from "./message.js";
import type { Rejection } from "./metrics.js";
import type { Peer } from "./peer.js";
import type { SendQueues } from "./wire.js";

/** After a disconnect an agent has time to save its work; at a shutdown little. */
export const DISCONNECT_WAITS: StopWaits = { inputMs: 3000, termMs: 1000 };
export const SHUTDOWN_WAITS: StopWaits = { inputMs: 1200, termMs: 500 };

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
    const problem = checkMessage(data);
    if (problem === null) {
      this.#agent ??= this.#linkAgent();
      this.#agent.write(data);
    } else {
      this.#socket.send(problem.answer);
      this.#reject("malformed", CLOSE.INVALID_PAYLOAD, problem.reason);
    }
  }

  #linkAgent(): AgentLink {
    return new AgentLink(this.id, this.#socket, this.#context, {
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

function exitReason(exit: AgentExit): string {
  return exit.signal === null
    ? `the agent exited with code ${exit.code ?? "unknown"}`
    : `${exit.signal} ended the agent`;
}
