import { MessageScanner, type Scanned } from "./message.js";

/** How long one message may hold the event loop up before the others get their turn, in milliseconds. */
const SLICE_MS = 1;
/** How much is scanned between two looks at the clock. */
const PIECE_BYTES = 1 << 14;

/** What a client sends on its way to be understood: in order, and a large message in many small steps. */
export class Intake {
  readonly #onScanned: (scanned: Scanned) => void;
  /** Told when a large message needs more than one step, and when nothing waits any more. */
  readonly #onBusy: (busy: boolean) => void;
  readonly #waiting: Buffer[] = [];
  #scanner = new MessageScanner();
  #scanned = 0;
  #busy = false;

  constructor(onScanned: (scanned: Scanned) => void, onBusy: (busy: boolean) => void) {
    this.#onScanned = onScanned;
    this.#onBusy = onBusy;
  }

  /** Takes a text, which belongs to the intake from then on: line breaks between its tokens become blanks. */
  push(text: Buffer): void {
    this.#waiting.push(text);
    if (!this.#busy) this.#scan();
  }

  #scan(): void {
    const late = performance.now() + SLICE_MS;
    for (let text = this.#waiting[0]; text !== undefined; text = this.#waiting[0]) {
      if (!this.#scanUntil(text, late)) {
        if (!this.#busy) this.#onBusy(true);
        this.#busy = true;
        setImmediate(() => {
          this.#scan();
        });
        return;
      }
      this.#waiting.shift();
      const scanned = this.#scanner.finish();
      this.#scanner = new MessageScanner();
      this.#scanned = 0;
      this.#onScanned(scanned);
    }
    if (this.#busy) this.#onBusy(false);
    this.#busy = false;
  }

  /** Scans on; false when time is up before the text is. */
  #scanUntil(text: Buffer, late: number): boolean {
    while (this.#scanned < text.length) {
      const piece = text.subarray(this.#scanned, this.#scanned + PIECE_BYTES);
      this.#scanned += piece.length;
      if (!this.#scanner.push(piece)) return true;
      if (this.#scanned < text.length && performance.now() > late) return false;
    }
    return true;
  }
}
