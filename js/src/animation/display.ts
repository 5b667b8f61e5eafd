/** How often the display repaints: frames beyond that would never be seen. */
import { repaint } from "./pace.js";

/** Times a second, until it was measured. */
const USUAL = 60;
/** Repaints that are looked at. */
const SAMPLES = 16;
/** How often, for a verdict. */
const MEASURES = 4;

export class Display {
  #isMeasuring = false;
  /** A page with much to do repaints less often than it could: the best of these counts. */
  #rates = [USUAL];

  /** Repaints a second. */
  get rate(): number {
    return Math.max(...this.#rates);
  }

  /**
   * Looks at some repaints.
   *
   * @returns whether the rate is another one than was thought
   */
  async measure(signal: AbortSignal): Promise<boolean> {
    if (this.#isMeasuring) return false;
    this.#isMeasuring = true;
    const times: number[] = [];
    while (times.length <= SAMPLES && !signal.aborted) {
      await repaint(signal);
      times.push(performance.now());
    }
    this.#isMeasuring = false;
    const measured = rateOf(times);
    if (signal.aborted || measured === null) return false;
    const before = this.rate;
    this.#rates = [...this.#rates, measured].slice(-MEASURES);
    return Math.abs(this.rate - before) > 0.1 * before;
  }
}

/**
 * Repaints a second by the moments of some, in milliseconds. A busy page leaves some out: the median of the times between two counts.
 *
 * @returns null: they say nothing
 */
export function rateOf(times: readonly number[]): number | null {
  const periods = times
    .slice(1)
    .map((time, i) => time - (times[i] as number))
    .sort((a, b) => a - b);
  const period = periods[Math.floor(periods.length / 2)];
  return period === undefined || period <= 0 ? null : 1000 / period;
}

/** Every how many-th frame is to be shown, so that no more are drawn than the display repaints. */
export function strideOf(fps: number | "max", speed: number, rate: number): number {
  if (fps === "max") return 1; // Frames come as fast as they are shown.
  return Math.max(1, Math.ceil((fps * speed) / rate - 0.15));
}
