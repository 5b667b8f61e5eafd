/** How fast frames go by, and which of them the display can show at all. */
import { Display, strideOf } from "./display.js";
import { Pace, periodOf } from "./pace.js";
import type { State } from "./state.js";

/** Milliseconds between two looks at the display. */
const INTERVAL = 3000;

export class Tempo {
  readonly pace = new Pace(100);
  /** Every how many-th frame is shown. */
  stride = 1;
  #measured = Number.NEGATIVE_INFINITY;

  /** @param display how often it repaints */
  constructor(readonly display: Pick<Display, "rate" | "measure"> = new Display()) {}

  /**
   * Takes the speed that is wanted; the schedule begins anew.
   *
   * @returns whether other frames are to be shown than before
   */
  set({ fps, speed }: Pick<State, "fps" | "speed">): boolean {
    const { stride } = this;
    this.stride = strideOf(fps, speed, this.display.rate);
    this.pace.period = this.stride * periodOf(fps, speed);
    this.pace.restart();
    return this.stride !== stride;
  }

  /** Looks now and then at how often the display repaints, and calls back if that has changed. */
  watch(signal: AbortSignal, onChange: () => void): void {
    const now = performance.now();
    if (now - this.#measured < INTERVAL) return;
    this.#measured = now;
    void this.display.measure(signal).then((isOther) => {
      if (isOther && !signal.aborted) onChange();
    });
  }
}
