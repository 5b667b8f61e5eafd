/** Small running figures for read-outs and `state` events. */

/** How often something happens, over about the last second. */
export class RateMeter {
  readonly #times: number[] = [];

  /** @param span milliseconds that are looked back on */
  constructor(readonly span = 1000) {}

  /** @param now milliseconds, on any clock that does not go back */
  add(now: number): void {
    this.#times.push(now);
    this.#forget(now);
  }

  /** Times a second; 0 until there were two. */
  rate(now: number): number {
    this.#forget(now);
    const [first] = this.#times;
    const last = this.#times.at(-1);
    if (first === undefined || last === undefined || last === first) return 0;
    // While nothing more happens the rate falls.
    const length = Math.max(last - first, now - first - this.#period());
    return ((this.#times.length - 1) * 1000) / length;
  }

  reset(): void {
    this.#times.length = 0;
  }

  /** The mean time between two. */
  #period(): number {
    const [first = 0] = this.#times;
    const last = this.#times.at(-1) ?? first;
    return (last - first) / Math.max(1, this.#times.length - 1);
  }

  #forget(now: number): void {
    const old = this.#times.findIndex((time) => now - time <= this.span);
    this.#times.splice(0, old < 0 ? this.#times.length : old);
  }
}

/** A mean in which what is older counts less. */
export class RunningMean {
  #value: number | null = null;

  /** @param weight of the newest value */
  constructor(readonly weight = 0.1) {}

  get value(): number {
    return this.#value ?? 0;
  }

  add(value: number): void {
    this.#value = this.#value === null ? value : this.#value + this.weight * (value - this.#value);
  }
}
