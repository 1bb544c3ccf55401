/** Keeps a label to so many different values; what comes later counts as `other`. */
export class BoundedLabel {
  readonly #seen = new Set<string>();
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  value(raw: string): string {
    if (this.#seen.has(raw)) return raw;
    if (this.#seen.size >= this.#limit) return "other";
    this.#seen.add(raw);
    return raw;
  }
}

/** More providers than anyone runs, few enough for any Prometheus. */
export const MAX_PROVIDERS = 32;
