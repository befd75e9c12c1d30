/** The few kinds of metrics that the gateway needs, in Prometheus' text format (version 0.0.4). */

/** Something that can be printed as one metric with its samples. */
export interface Metric {
  lines(): string[];
}

interface Description {
  readonly name: string;
  readonly help: string;
}

function header({ name, help }: Description, type: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}

/** A sum that only grows; with a label, one sum for each of its values. */
export class Counter implements Metric {
  readonly #description: Description;
  readonly #label: string | null;
  readonly #sums = new Map<string, number>();

  constructor(description: Description, label: string | null = null, values: readonly string[] = []) {
    this.#description = description;
    this.#label = label;
    for (const value of label === null ? [""] : values) this.#sums.set(value, 0);
  }

  add(amount = 1, labelValue = ""): void {
    this.#sums.set(labelValue, this.value(labelValue) + amount);
  }

  value(labelValue = ""): number {
    return this.#sums.get(labelValue) ?? 0;
  }

  lines(): string[] {
    const { name } = this.#description;
    const samples = [...this.#sums].map(([value, sum]) =>
      this.#label === null ? `${name} ${sum}` : `${name}{${this.#label}="${value}"} ${sum}`,
    );
    return [...header(this.#description, "counter"), ...samples];
  }
}

/** A value that is read when it is asked for. */
export class Gauge implements Metric {
  readonly #description: Description;
  readonly #read: () => number;

  constructor(description: Description, read: () => number) {
    this.#description = description;
    this.#read = read;
  }

  lines(): string[] {
    return [...header(this.#description, "gauge"), `${this.#description.name} ${this.#read()}`];
  }
}

/** How often values fell below each of some bounds. */
export class Histogram implements Metric {
  readonly #description: Description;
  readonly #label: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, { readonly counts: number[]; sum: number; total: number }>();

  constructor(description: Description, label: string, values: readonly string[], bounds: readonly number[]) {
    this.#description = description;
    this.#label = label;
    this.#bounds = bounds;
    for (const value of values) this.#series.set(value, { counts: bounds.map(() => 0), sum: 0, total: 0 });
  }

  observe(value: number, labelValue: string): void {
    const series = this.#series.get(labelValue);
    if (series === undefined) throw new RangeError(`no series is called ${labelValue}`);
    series.sum += value;
    series.total += 1;
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    if (bucket !== -1) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
  }

  lines(): string[] {
    const { name } = this.#description;
    const lines = header(this.#description, "histogram");
    for (const [value, series] of this.#series) {
      const label = `${this.#label}="${value}"`;
      let below = 0;
      this.#bounds.forEach((bound, index) => {
        below += series.counts[index] ?? 0;
        lines.push(`${name}_bucket{${label},le="${bound}"} ${below}`);
      });
      lines.push(`${name}_bucket{${label},le="+Inf"} ${series.total}`);
      lines.push(`${name}_sum{${label}} ${series.sum}`, `${name}_count{${label}} ${series.total}`);
    }
    return lines;
  }
}
