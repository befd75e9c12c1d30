import type { CloseCode } from "./close-codes.js";
import { control, replay } from "./extension.js";
import type { Message } from "./message.js";
import { ReplayLog } from "./replay-log.js";

/** What can be sent: the bytes of one message. */
export type Sendable = Pick<Message, "parts" | "bytes">;

/** What an agent sees of a client. */
export interface Client {
  readonly id: string;
  readonly bufferedAmount: number;
  send(message: Sendable, done?: (error?: Error | null) => void): void;
  /** Sends what the gateway itself has to say. */
  tell(text: string): void;
  /** Reads nothing from the client for now, or goes on. */
  rest(rests: boolean): void;
  /** Asks the client to confirm that it has everything that was sent up to now. */
  mark(confirmed: () => void): void;
  /** The agent reads again, or the client took what it had left lying. */
  unblocked(): void;
  close(code: CloseCode, reason: string): void;
  /** Whether the client lives, told within a short time. */
  answersSoon(): Promise<boolean>;
  /** Cuts a client off that does not answer. */
  terminate(): void;
}

interface Seat {
  /** Null: the client was lost, and another connection may take the seat. */
  readonly client: Client | null;
  readonly sessions: Set<string>;
  /** The last message that the client is known to have. */
  confirmed: number;
  readonly lostAt: number;
}

/** An agent's clients, those that were lost and may come back, which of them controls, and what they may have missed. */
export class Seats {
  readonly #log: ReplayLog;
  readonly #keepMs: number;
  #seats: Seat[] = [];
  #controller: Client | null = null;

  constructor(maxBytes: number, keepMs: number) {
    this.#log = new ReplayLog(maxBytes);
    this.#keepMs = keepMs;
  }

  get controller(): Client | null {
    return this.#controller;
  }

  get clients(): Client[] {
    return this.#seats.flatMap(({ client }) => client ?? []);
  }

  /** The clients of a session; all of them where it is none that is known. */
  of(sessionId: string | null): Client[] {
    const those = this.#seats.filter(({ sessions }) => sessionId !== null && sessions.has(sessionId));
    return those.length === 0 ? this.clients : those.flatMap(({ client }) => client ?? []);
  }

  has(client: Client, sessionId: string): boolean {
    return this.#seatOf(client)?.sessions.has(sessionId) === true;
  }

  /** Gives a client a seat; the first one controls. */
  enter(client: Client): void {
    if (this.#seatOf(client) !== undefined) return;
    this.#seats.push({ client, sessions: new Set(), confirmed: this.#log.last, lostAt: 0 });
    if (this.#controller === null) this.#controller = client;
    else client.tell(control(false));
  }

  join(client: Client, sessionId: string): void {
    this.#seatOf(client)?.sessions.add(sessionId);
  }

  forget(sessionId: string): void {
    for (const { sessions } of this.#seats) sessions.delete(sessionId);
  }

  /** Makes a client the one that controls, and tells the others. */
  take(client: Client | null): void {
    const before = this.#controller;
    if (before === client) return;
    this.#controller = client;
    if (before !== null && this.#seatOf(before) !== undefined) before.tell(control(false));
    client?.tell(control(true));
  }

  /** Takes a client's seat away, or keeps it for its return. Whoever came next controls. */
  leave(client: Client, returns: boolean): void {
    const seat = this.#seatOf(client);
    if (seat === undefined) return;
    this.#seats = this.#seats.filter((other) => other !== seat);
    if (returns && seat.sessions.size > 0) this.#seats.push({ ...seat, client: null, lostAt: performance.now() });
    if (this.#controller === client) this.take(this.clients[0] ?? null);
    this.#trim();
  }

  /** Keeps a message for those who may be lost, and sends it to some clients. */
  spread(
    sessionId: string | null,
    message: Sendable,
    to: readonly Client[],
    done: (error?: Error | null) => void,
  ): void {
    this.#log.push(sessionId, message.parts);
    to.forEach((client, index) => {
      client.send(message, index === 0 ? done : undefined);
    });
    if (to.length === 0) done();
    for (const client of this.clients) this.#mark(client);
  }

  /**
   * Sends what a lost client of the session missed; with `only` given, of that just what it lets through. Does nothing
   * where no seat waits for its client: who comes anew has missed nothing.
   */
  makeUp(client: Client, sessionId: string, turnRuns: boolean, only?: (text: Buffer) => boolean): void {
    const seat = this.#seatOf(client);
    const lost = this.#seats.findLast((other) => other.client === null && other.sessions.has(sessionId));
    if (lost === undefined || seat === undefined) return;
    lost.sessions.delete(sessionId);
    const { entries, dropped } = this.#log.since(lost.confirmed, sessionId);
    const chosen = entries.filter(({ parts }) => only === undefined || only(parts[0] ?? Buffer.alloc(0)));
    client.tell(replay(sessionId, chosen.length, only === undefined ? dropped : 0, turnRuns));
    for (const { parts } of chosen) client.send({ parts, bytes: parts.reduce((sum, part) => sum + part.length, 0) });
    seat.confirmed = Math.min(seat.confirmed, lost.confirmed);
    this.#mark(client);
    this.#trim();
  }

  #mark(client: Client): void {
    const sequence = this.#log.last;
    client.mark(() => {
      const seat = this.#seatOf(client);
      if (seat === undefined) return;
      seat.confirmed = Math.max(seat.confirmed, sequence);
      this.#trim();
    });
  }

  #seatOf(client: Client): Seat | undefined {
    return this.#seats.find((seat) => seat.client === client);
  }

  #trim(): void {
    const tooOld = performance.now() - this.#keepMs;
    this.#seats = this.#seats.filter(
      ({ client, sessions, lostAt }) => client !== null || (sessions.size > 0 && lostAt > tooOld),
    );
    this.#log.trim(Math.min(this.#log.last, ...this.#seats.map(({ confirmed }) => confirmed)));
  }
}
