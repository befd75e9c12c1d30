import { AgentLink, type ConnectionContext } from "./agent-link.js";
import type { AgentExit, StopWaits } from "./agent-process.js";
import { CLOSE, type CloseCode } from "./close-codes.js";
import { Exchange } from "./exchange.js";
import type { Rejection } from "./metrics.js";
import { type Client, Seats } from "./seats.js";

/** After a disconnect an agent has time to save its work; at a shutdown little. */
export const DISCONNECT_WAITS: StopWaits = { inputMs: 3000, termMs: 1000 };
export const SHUTDOWN_WAITS: StopWaits = { inputMs: 1200, termMs: 500 };

const STOPPED = "the gateway is shutting down";

/**
 * An agent, and the clients that share it.
 *
 *     attached ──the last client is lost──▶ detached ──time is over──▶ ending ──▶ done
 *        ▲ │                                    │
 *        │ └──the last client says goodbye──────┼──▶ ending
 *        └──a client takes a session up again───┘
 */
export class HostedAgent {
  /** Marks the agent's processes. */
  readonly id: string;
  readonly exchange: Exchange;
  /** Resolves when the agent is gone. */
  readonly done: Promise<void>;
  readonly #context: ConnectionContext;
  readonly #seats: Seats;
  readonly #link: AgentLink;
  #detachedSince: number | null = null;
  #detachTimer: NodeJS.Timeout | undefined;
  #ending = false;
  #resting = false;

  constructor(id: string, context: ConnectionContext) {
    this.id = id;
    this.#context = context;
    this.#seats = new Seats(context.settings.detachBufferBytes, context.settings.detachMs);
    const agent = {
      id,
      write: (message: Parameters<AgentLink["write"]>[0]) => {
        this.#link.write(message);
      },
      onTurnEnded: () => {
        if (this.exchange.draining) this.#endIfDrained();
      },
    };
    this.exchange = new Exchange(agent, this.#seats, context);
    this.#link = new AgentLink(id, this, this.exchange, context, {
      onExit: (exit) => {
        if (!this.#ending) this.close(CLOSE.INTERNAL_ERROR, exitReason(exit), DISCONNECT_WAITS);
      },
      onNotStarted: () => {
        this.fail("agent_failed", "the agent could not be started");
      },
      onLineTooLong: () => {
        this.fail("agent_line_too_long", "the agent sent a message over the limit");
      },
      onUnblocked: () => {
        for (const client of this.#seats.clients) client.unblocked();
      },
    });
    this.done = this.#link.done;
  }

  get seats(): Seats {
    return this.#seats;
  }

  get ending(): boolean {
    return this.#ending;
  }

  /** When the last client left (`performance.now()`), or null while one is there. */
  get detachedSince(): number | null {
    return this.#detachedSince;
  }

  /** When the agent's input became full (`performance.now()`), or null while it takes more. */
  get blockedSince(): number | null {
    return this.#link.blockedSince;
  }

  pause(): void {
    this.#resting = true;
    for (const client of this.#seats.clients) client.rest(true);
  }

  resume(): void {
    this.#resting = false;
    for (const client of this.#seats.clients) client.rest(false);
  }

  enter(client: Client): void {
    clearTimeout(this.#detachTimer);
    this.#detachedSince = null;
    client.rest(this.#resting);
    this.#seats.enter(client);
  }

  /** A client is gone. Only one that says goodbye while nothing runs leaves no work to come back to. */
  leave(client: Client, cleanly: boolean): void {
    client.rest(false);
    const { hasSessions, turnRuns } = this.exchange;
    const isOver = !hasSessions || (cleanly && !turnRuns);
    this.#seats.leave(client, !isOver);
    this.exchange.left(client);
    this.#link.flow();
    if (this.#ending) return;
    if (this.#seats.clients.length > 0) this.exchange.repeatToController();
    else if (isOver) this.end(DISCONNECT_WAITS);
    else this.#detach();
  }

  /** Ends the agent; a turn that runs is lost. A second call with shorter waits hastens it. */
  end(waits: StopWaits): void {
    clearTimeout(this.#detachTimer);
    if (!this.#ending) this.exchange.loseTurns();
    this.#ending = true;
    this.#link.end(waits);
  }

  /** Closes all clients and ends the agent. */
  close(code: CloseCode, reason: string, waits: StopWaits): void {
    this.end(waits);
    for (const client of this.#seats.clients) client.close(code, reason);
  }

  /** The agent itself is at fault. */
  fail(rejection: Rejection, reason: string): void {
    if (this.#ending) return;
    this.#context.metrics.reject(rejection);
    this.#context.log.warning("connection_rejected", { connection: this.id, rejection });
    this.close(CLOSE.INTERNAL_ERROR, reason, DISCONNECT_WAITS);
  }

  shutDown(): void {
    this.close(CLOSE.GOING_AWAY, STOPPED, SHUTDOWN_WAITS);
  }

  /** Lets the turns that run end, and then the agent; begins none. Tells the clients so. */
  drain(text: string): void {
    this.exchange.draining = true;
    if (this.exchange.turnRuns) for (const client of this.#seats.clients) client.tell(text);
    else this.shutDown();
  }

  /** Goes on reading the agent where no client is behind any more. */
  flow(): void {
    this.#link.flow();
  }

  kill(): void {
    this.#link.kill();
  }

  #endIfDrained(): void {
    if (!this.exchange.turnRuns) this.shutDown();
  }

  #detach(): void {
    const { detachMs } = this.#context.settings;
    const { turnRuns } = this.exchange;
    this.#detachedSince = performance.now();
    this.#context.log.info("agent_detached", { connection: this.id, turn: turnRuns, seconds: detachMs / 1000 });
    this.#detachTimer = setTimeout(() => {
      this.end(DISCONNECT_WAITS);
    }, detachMs);
  }
}

function exitReason(exit: AgentExit): string {
  return exit.signal === null
    ? `the agent exited with code ${exit.code ?? "unknown"}`
    : `${exit.signal} ended the agent`;
}
