import type { WebSocket } from "ws";

import type { AgentDirectory } from "./agent-directory.js";
import type { ConnectionContext } from "./agent-link.js";
import { CLOSE, type CloseCode, closeReason } from "./close-codes.js";
import { Confirmations } from "./confirmations.js";
import { Intake } from "./intake.js";
import { AMBIGUOUS, BATCH_REFUSED, type MessageProblem, NOT_A_MESSAGE, NOT_JSON, type Scanned } from "./message.js";
import type { Rejection } from "./metrics.js";
import type { Peer } from "./peer.js";
import type { Client, Sendable } from "./seats.js";
import { sendMessage } from "./send-message.js";
import type { SendQueues } from "./wire.js";

/** What a socket may rest for. */
type RestReason = "scanning" | "agent";

/** Who comes in. */
export interface Visitor {
  readonly id: string;
  readonly socket: WebSocket;
  readonly hasPlace: boolean;
}

/** Close codes of clients that leave on purpose: a page that is left (1001) may be loaded again. */
const GOODBYES = new Set([1000, 1005]);

/**
 * One client's socket: checks frames, scans messages and hands them to the directory, which knows the client's agent.
 *
 *     waiting ──first message──▶ relaying ──either side ends──▶ closing ──▶ closed
 *
 * An agent starts with the first message that needs one, so that neither a refused nor an idle client costs its memory.
 */
export class Connection implements Client {
  readonly id: string;
  /** Whether an agent was promised to it; others may take up what others left, observe, or wait their turn. */
  readonly hasPlace: boolean;
  /** Resolves when the socket is closed. */
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #context: ConnectionContext;
  readonly #firstMessageTimer: NodeJS.Timeout;
  readonly #opened = performance.now();
  readonly #peer: Peer;
  readonly #intake: Intake;
  /** Why the socket rests: it hears again when no reason is left. */
  readonly #rests = new Set<RestReason>();
  readonly #directory: AgentDirectory;
  readonly #confirmations: Confirmations;
  #closing = false;

  constructor(visitor: Visitor, peer: Peer, context: ConnectionContext, directory: AgentDirectory) {
    const { id, socket, hasPlace } = visitor;
    this.id = id;
    this.hasPlace = hasPlace;
    this.#directory = directory;
    this.#socket = socket;
    this.#peer = peer;
    this.#confirmations = new Confirmations(socket, peer);
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

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  /** Closes for a shutdown. */
  shutDown(): void {
    this.close(CLOSE.GOING_AWAY, "the gateway is shutting down");
  }

  send(message: Sendable, done?: (error?: Error | null) => void): void {
    sendMessage(this.#socket, message, (error) => {
      done?.(error);
      this.#directory.agentOf(this)?.flow();
    });
  }

  tell(text: string): void {
    this.#socket.send(text, () => undefined);
  }

  rest(rests: boolean): void {
    this.#rest("agent", rests);
  }

  mark(confirmed: () => void): void {
    this.#confirmations.mark(confirmed);
  }

  unblocked(): void {
    this.#peer.heard();
  }

  async answersSoon(): Promise<boolean> {
    return !this.#closing && this.#confirmations.answersSoon();
  }

  terminate(): void {
    this.#countRejection("silent");
    this.#startClosing();
    this.#socket.terminate();
  }

  /** Called at each ping interval: closes when a side has been silent or stuck for too long, and pings. */
  checkLiveness(queues: SendQueues): void {
    if (this.#closing) return;
    this.#peer.look(queues);
    // A socket that rests can't hear anything: it counts as heard, and the agent that it rests for has its own limit.
    if (this.#socket.isPaused) this.#peer.heard();
    const { silenceMs } = this.#context.settings;
    const tooEarly = performance.now() - silenceMs;
    const agent = this.#directory.agentOf(this);
    const blockedSince = agent?.blockedSince ?? null;
    if (agent !== null && blockedSince !== null && blockedSince < tooEarly) {
      agent.fail("agent_stalled", "the agent does not read");
    } else if (this.#peer.isSilent(silenceMs)) {
      this.terminate();
    } else {
      this.#confirmations.ping();
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
    this.#leave(GOODBYES.has(code) && !this.#closing);
    this.#startClosing();
    const seconds = Math.round(performance.now() - this.#opened) / 1000;
    this.#context.log.info("connection_closed", { connection: this.id, code, seconds });
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
        if (scanned.message.envelope.isAmbiguous) this.#refuse(AMBIGUOUS);
        else if (scanned.message.envelope.isVersion2) this.#directory.take(this, scanned.message, this.hasPlace);
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

  #rest(reason: RestReason, rests: boolean): void {
    if (rests) this.#rests.add(reason);
    else this.#rests.delete(reason);
    if (this.#rests.size > 0) this.#socket.pause();
    else this.#socket.resume();
  }

  #leave(cleanly: boolean): void {
    this.#directory.left(this, cleanly);
  }

  #reject(rejection: Rejection, code: CloseCode, reason: string): void {
    if (this.#closing) return;
    this.#countRejection(rejection);
    this.close(code, reason);
  }

  close(code: CloseCode, reason: string): void {
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
    this.#leave(false);
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
