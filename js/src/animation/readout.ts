/** What is written anew while frames go by: each time is a layout of the page, and nobody reads faster. */

/** Milliseconds between two times. */
const INTERVAL = 100;

export class Readout {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written = Number.NEGATIVE_INFINITY;

  /** @param write writes what is true by then */
  constructor(readonly write: () => void) {}

  /** Writes at once: what rests is exact. */
  now(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#written = performance.now();
    this.write();
  }

  /** Writes within a while; at once if the last time is long ago. */
  soon(): void {
    if (this.#timer !== undefined) return;
    const left = this.#written + INTERVAL - performance.now();
    if (left <= 0) this.now();
    else this.#timer = setTimeout(() => this.now(), left);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
