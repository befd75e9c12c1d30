/** Variables by name, as in `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable holds what it can't; the message names it, never the value of a secret, and says what to write. */
export class SettingsError extends Error {
  override readonly name = "SettingsError";
}

/** Reads typed values from variables. An empty variable is the same as none. */
export class EnvironmentReader {
  readonly #environment: Environment;

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    const value = this.#environment[name];
    return value === "" ? undefined : value;
  }

  list(name: string): string[] {
    const parts = (this.text(name) ?? "").split(",").map((part) => part.trim());
    return parts.filter((part) => part !== "");
  }

  flag(name: string): boolean {
    const value = this.text(name) ?? "0";
    if (value !== "0" && value !== "1") throw new SettingsError(`${name}: ${value} is not a switch; write 0 or 1`);
    return value === "1";
  }

  integer(name: string, fallback: number, range: { readonly least: number; readonly most: number }): number {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= range.least && value <= range.most) return value;
    throw new SettingsError(
      `${name}: ${text} is out of range; write a whole number from ${range.least} to ${range.most}`,
    );
  }

  /** A time in seconds, with a fraction where wanted, as milliseconds. */
  seconds(name: string, fallback: number): number {
    const text = this.text(name) ?? String(fallback);
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value > 0 && value <= 86_400) return Math.round(value * 1000);
    throw new SettingsError(`${name}: ${text} is not a time; write seconds above 0, up to 86400`);
  }

  /** A program with its arguments, as a JSON list of strings: blanks and quotes then need no rules. */
  command(name: string, fallback: readonly [string, ...string[]]): readonly [string, ...string[]] {
    const text = this.text(name);
    if (text === undefined) return fallback;
    const wrong = new SettingsError(`${name}: not a command; write a JSON list such as ["opencode", "acp"]`);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw wrong;
    }
    if (!Array.isArray(value) || !value.every((part) => typeof part === "string")) throw wrong;
    const [program, ...rest] = value;
    if (program === undefined || program === "") throw wrong;
    return [program, ...rest];
  }
}
