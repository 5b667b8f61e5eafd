/** How many bytes go by. No clock of its own: times are milliseconds on any that does not go back. */

/** Milliseconds over which bytes are counted, and frames over which what came through is. */
const SPAN = 1000;
const LAST = 8;

/** Bytes in the last second. */
export class Flow {
  readonly #entries: { at: number; bytes: number }[] = [];
  #sum = 0;
  #mean = 0;

  /** Of one frame, in the mean. */
  get mean(): number {
    return this.#mean;
  }

  add(bytes: number, now: number): void {
    this.#entries.push({ at: now, bytes });
    this.#sum += bytes;
    this.#mean = this.#mean === 0 ? bytes : this.#mean + 0.1 * (bytes - this.#mean);
  }

  rate(now: number): number {
    while (this.#entries.length > 0 && now - (this.#entries[0]?.at ?? 0) > SPAN) {
      this.#sum -= this.#entries.shift()?.bytes ?? 0;
    }
    return (this.#sum * 1000) / SPAN;
  }
}

/** Bytes a second of the last frames. */
export class Throughput {
  #entries: { at: number; bytes: number }[] = [];

  add(bytes: number, now: number): void {
    this.#entries = [...this.#entries, { at: now, bytes }].slice(-LAST);
  }

  /** 0: not known yet. */
  get rate(): number {
    const [first, ...others] = this.#entries;
    const last = others.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    const sum = others.reduce((total, { bytes }) => total + bytes, 0);
    return (sum * 1000) / (last.at - first.at);
  }
}
