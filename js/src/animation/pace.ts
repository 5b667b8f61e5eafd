/** When the next frame is due. */

/** A frame that comes due within this time, in milliseconds, is painted now: displays tick at their own pace. */
const TOLERANCE = 4;
/** Behind by more than this, in milliseconds, the schedule begins anew instead of rushing to catch up. */
const MAX_LAG = 250;

/**
 * A schedule of one frame a period. A frame that is a little late shortens the wait for the next, so that the mean is kept; a long pause is not made up for.
 */
export class Pace {
  #due: number | null = null;

  /** @param period milliseconds between two frames; 0: as fast as they come */
  constructor(public period: number) {}

  /** Milliseconds until the next frame is due; 0 if it is. */
  wait(now: number): number {
    if (this.#due === null) return 0;
    const left = this.#due - now;
    return left <= TOLERANCE ? 0 : left;
  }

  /** The frame that was due is done with; the next is due a period later. */
  advance(now: number): void {
    const next = (this.#due ?? now) + this.period;
    this.#due = now - next > MAX_LAG || this.period === 0 ? now + this.period : next;
  }

  /** Whether even the frame after the one that is due should have been painted by now. */
  behind(now: number): boolean {
    return this.period > 0 && this.#due !== null && now - this.#due >= this.period;
  }

  /** Forgets the schedule: the next frame is due at once. */
  restart(): void {
    this.#due = null;
  }
}

/** Milliseconds between two frames. */
export function periodOf(fps: number | "max", speed: number): number {
  return fps === "max" ? 0 : 1000 / (fps * speed);
}

/** Resolves at the first repaint of the display at which the next frame is due, when the signal is aborted, or when the page is hidden. */
export async function due(pace: Pace, signal: AbortSignal): Promise<void> {
  await repaint(signal); // At most one frame for each repaint: more would never be seen.
  for (;;) {
    const left = pace.wait(performance.now());
    if (left === 0 || signal.aborted || isHidden()) return;
    if (left > LONG) await sleep(left - LONG, signal);
    await repaint(signal);
  }
}

/** Repaints are not waited for one by one over more than this time, in milliseconds. */
const LONG = 40;

/** Resolves at the next repaint of the display, when the signal is aborted, or when the page is hidden: then there is none. */
export function repaint(signal: AbortSignal): Promise<void> {
  if (isHidden()) return Promise.resolve();
  return settle(signal, (done) => {
    const id = requestAnimationFrame(done);
    globalThis.document?.addEventListener("visibilitychange", done);
    return () => {
      cancelAnimationFrame(id);
      globalThis.document?.removeEventListener("visibilitychange", done);
    };
  });
}

function isHidden(): boolean {
  return globalThis.document?.hidden ?? false;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return settle(signal, (done) => {
    const id = setTimeout(done, ms);
    return () => clearTimeout(id);
  });
}

/** Resolves when `begin` calls back, or on abort; either way what `begin` began is undone. */
function settle(signal: AbortSignal, begin: (done: () => void) => () => void): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      undo();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const undo = begin(done);
    signal.addEventListener("abort", done);
  });
}
