import { createHmac, randomBytes, scryptSync, scrypt as scryptCallback, timingSafeEqual } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";

const scrypt = promisify<Buffer, Buffer, number, object, Buffer>(scryptCallback);

/** What a hash costs: 16 MiB and some 40 ms. One of a password that was made at random may cost less. */
const COST = { log2N: 14, r: 8, p: 1 };
const SALT_BYTES = 16;
const DIGEST_BYTES = 32;
const LEAST_LOG2_N = 10;
const MOST_LOG2_N = 18;
const MOST_FACTOR = 16;
/** How long a wrong password holds up the next one, where working it out costs nothing. */
const WRONG_WAIT_MS = 50;

interface Cost {
  readonly log2N: number;
  readonly r: number;
  readonly p: number;
}

/** A password's salted hash, in the PHC string format: `$scrypt$ln=14,r=8,p=1$<salt>$<digest>`, both in base64. */
export class PasswordHash {
  readonly #cost: Cost;
  readonly #salt: Buffer;
  readonly #digest: Buffer;

  private constructor(cost: Cost, salt: Buffer, digest: Buffer) {
    this.#cost = cost;
    this.#salt = salt;
    this.#digest = digest;
  }

  static of(password: string): PasswordHash {
    const salt = randomBytes(SALT_BYTES);
    return new PasswordHash(COST, salt, scryptSync(Buffer.from(password), salt, DIGEST_BYTES, options(COST)));
  }

  /** Reads a hash; null when it is none, or costs what nobody could mean. */
  static parse(text: string): PasswordHash | null {
    const found = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([\w+/-]{22,})\$([\w+/-]{43})$/.exec(text);
    if (found === null) return null;
    const [log2N = 0, r = 0, p = 0] = found.slice(1, 4).map(Number);
    if (log2N < LEAST_LOG2_N || log2N > MOST_LOG2_N || r < 1 || r > MOST_FACTOR || p < 1 || p > MOST_FACTOR)
      return null;
    return new PasswordHash({ log2N, r, p }, decode(found[4]), decode(found[5]));
  }

  toString(): string {
    const { log2N, r, p } = this.#cost;
    return `$scrypt$ln=${log2N},r=${r},p=${p}$${encode(this.#salt)}$${encode(this.#digest)}`;
  }

  /** Whether a password is the one, off the event loop. */
  async matches(given: Buffer): Promise<boolean> {
    return timingSafeEqual(await scrypt(given, this.#salt, DIGEST_BYTES, options(this.#cost)), this.#digest);
  }

  /** The same at once, for the start. */
  matchesNow(given: Buffer): boolean {
    return timingSafeEqual(scryptSync(given, this.#salt, DIGEST_BYTES, options(this.#cost)), this.#digest);
  }
}

/**
 * Compares passwords with the right one. Wrong ones are worked out one after the other, so that neither guessing gets
 * anywhere nor the processor is theirs; the right one waits for none of them once it has been seen.
 */
export class PasswordCheck {
  readonly #hash: PasswordHash | null;
  readonly #key = randomBytes(DIGEST_BYTES);
  /** Under a key that nobody else has, the right password's mark, once it is known. */
  #mark: Buffer | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(hash: PasswordHash | null) {
    this.#hash = hash;
  }

  static ofHash(hash: PasswordHash): PasswordCheck {
    return new PasswordCheck(hash);
  }

  static ofPassword(password: string): PasswordCheck {
    const check = new PasswordCheck(null);
    check.#mark = check.#markOf(Buffer.from(password));
    return check;
  }

  /** Whether a password is the right one, at once; for the start. */
  matchesNow(given: Buffer): boolean {
    return this.#isMarked(given) || this.#hash?.matchesNow(given) === true;
  }

  /** Whether a password is the right one; false too where nobody waits for the answer any more. */
  async matches(given: Buffer, isWanted: () => boolean): Promise<boolean> {
    if (this.#isMarked(given)) return true;
    const before = this.#turn;
    const answer = (async () => {
      await before;
      return isWanted() && (await this.#workOut(given));
    })();
    this.#turn = answer;
    return answer;
  }

  async #workOut(given: Buffer): Promise<boolean> {
    if (this.#mark === null && (await this.#hash?.matches(given)) === true) this.#mark = this.#markOf(given);
    else if (this.#mark !== null) await wait(WRONG_WAIT_MS);
    return this.#isMarked(given);
  }

  #isMarked(given: Buffer): boolean {
    return this.#mark !== null && timingSafeEqual(this.#markOf(given), this.#mark);
  }

  #markOf(password: Buffer): Buffer {
    return createHmac("sha256", this.#key).update(password).digest();
  }
}

function options({ log2N, r, p }: Cost): object {
  const N = 2 ** log2N;
  return { N, r, p, maxmem: 256 * N * r * p };
}

function encode(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}

function decode(text = ""): Buffer {
  return Buffer.from(text, "base64");
}
