/** Spaces out packets, so that what is sent in many small steps shares them. */

/** Packets that may leave at once; what follows them leaves at intervals. */
export const BURST = 16;
/** Milliseconds between two packets in the long run: a kernel answers each with `busy` and `idle`, for which the page pays too. */
export const INTERVAL = 4;
/** Bytes that wait from which on they leave at once: large packets take their time anyway. */
export const BULK = 64 * 1024;

/**
 * Says when the next packet may leave. It is the generic cell rate algorithm (ITU-T I.371): packets are due at intervals, and may leave up to `BURST`
 * intervals before they are.
 */
export class Pacer {
  #due = 0;

  /** Milliseconds until a packet may leave. */
  wait(now: number): number {
    return Math.max(0, this.#due - (BURST - 1) * INTERVAL - now);
  }

  /** A packet leaves. */
  count(now: number): void {
    // Large packets leave whatever is due: they must not hold up others for long.
    this.#due = Math.min(Math.max(this.#due, now), now + (BURST - 1) * INTERVAL) + INTERVAL;
  }

  /** Everything arrived: nothing crowds the path. */
  forgive(): void {
    this.#due = 0;
  }
}
