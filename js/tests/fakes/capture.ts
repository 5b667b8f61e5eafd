/** A capture whose pictures come when the test says so, as video frames of two bytes. */
import type { Shot, Wanted } from "../../src/live/capturing.js";

export class FakeCapture {
  readonly asked: Omit<Wanted, "id">[] = [];
  isClosed = false;
  /** How often the camera's size was changed. */
  resizes = 0;
  #last: number | null = null;
  #resolve: ((shot: Shot | null) => void) | null = null;
  #reject: (error: unknown) => void = () => {};

  want(wanted: Omit<Wanted, "id">): Promise<Shot | null> {
    this.cancel();
    this.asked.push(wanted);
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isWanted(): boolean {
    return this.#resolve !== null;
  }

  cancel(): void {
    this.#resolve?.(null);
    this.#resolve = null;
  }

  resized(): void {
    this.resizes += 1;
  }

  close(): void {
    this.isClosed = true;
    this.cancel();
  }

  /** A picture comes. */
  present(now: number): void {
    const wanted = this.asked.at(-1);
    const resolve = this.#resolve;
    if (wanted === undefined || resolve === null || now < wanted.notBefore) return;
    this.#resolve = null;
    const { index, key, codecs } = wanted;
    const isVideo = codecs[0] !== "rgb";
    const after = key || this.#last === null || !isVideo ? {} : { after: this.#last };
    this.#last = isVideo ? index : null;
    resolve({
      ...{ index, width: 4, height: 2, codec: isVideo ? "h264" : "rgb" },
      data: new Uint8Array(isVideo ? 2 : 24),
      ...{ captured: now, taken: now, ms: { capture: 1, encode: 2 }, period: 2, ...after },
    });
  }

  fail(message: string): void {
    this.#resolve = null;
    this.#reject(new Error(message));
  }
}
