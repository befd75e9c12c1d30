/** Gives a slot back; calling it again does nothing. */
export type ReleaseSlot = () => void;

interface Waiter {
  readonly take: () => void;
}

/**
 * How many agents may live at once. Connections are limited to the same number, but an agent may need seconds to end
 * after its connection closed: the next one waits for its memory rather than being refused.
 */
export class AgentSlots {
  readonly #total: number;
  readonly #waiting = new Set<Waiter>();
  #used = 0;

  constructor(total: number) {
    this.#total = total;
  }

  get used(): number {
    return this.#used;
  }

  /** Takes a slot as soon as one is free, first come, first served. Rejects when `signal` aborts before. */
  async acquire(signal: AbortSignal): Promise<ReleaseSlot> {
    signal.throwIfAborted();
    if (this.#used < this.#total) {
      this.#used += 1;
    } else {
      await this.#wait(signal);
    }
    let released = false;
    return () => {
      if (!released) this.#release();
      released = true;
    };
  }

  #wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#waiting.delete(waiter);
        reject(signal.reason as Error);
      };
      const waiter: Waiter = {
        take: () => {
          signal.removeEventListener("abort", onAbort);
          resolve();
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiting.add(waiter);
    });
  }

  /** A waiting connection takes the slot over; otherwise it is free again. */
  #release(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#used -= 1;
    } else {
      this.#waiting.delete(next);
      next.take();
    }
  }
}
