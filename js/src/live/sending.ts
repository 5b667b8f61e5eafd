/** The way up: camera frames go to the kernel, as often as all that comes after them can take. */
import type { Codec, Frame } from "../frames/frame.js";
import { Adapting, type Plan } from "./adapting.js";
import type { Capture, Shot } from "./capture.js";
import type { LoopView } from "./loop.js";
import { Pacer } from "./pacing.js";
import type { Info } from "./state.js";

/** Milliseconds within which the frame of a pause must be there. */
export const STILL_TIMEOUT = 5000;
/** Codecs of a frame that must be exact, best first. */
const EXACT = ["rgb"];
/** What is known of frames that were sent; more can't be under way. */
const REMEMBERED = 64;

/** A frame as it is sent. */
export interface CameraFrame extends Frame {
  /** Bytes that its result may take. */
  readonly budget?: number;
}

/** What a result says of the frame it was made of. */
export interface Outcome {
  readonly index: number;
  /** Bytes of the result. */
  readonly bytes: number;
  /** Milliseconds of the stages in the kernel, by name. */
  readonly ms: Readonly<Record<string, number>>;
  readonly pace: number | null;
  /** Milliseconds that decoding and painting took. */
  readonly shown: number;
  /** Milliseconds from capture to paint; null: nothing was painted. */
  readonly delay: number | null;
}

/** Milliseconds that are worth a wait. */
const LEAST_HOLD = 20;

/** Stages of the kernel that are part of `process`, or are waiting, are not counted again. */
const STAGES = ["decode", "process", "encode"];

export class Sender {
  readonly pacer = new Pacer();
  readonly adapting: Adapting;
  /** Of the frame that was sent last. */
  last: Shot | null = null;
  readonly #view: Pick<LoopView, "isVisible" | "visible">;
  #info: Info;
  #index = 0;
  #isKeyWanted = true;
  #isReachable = true;
  /** The kernel's call for frames; null: it does not want any. */
  #pipe: Pipe | null = null;
  #wake: () => void = () => {};
  readonly #sent = new Map<number, Pick<Shot, "ms"> & { readonly bytes: number }>();
  /** Pictures that came before this time are old. */
  #since = 0;

  constructor(info: Info, view: Pick<LoopView, "isVisible" | "visible">) {
    this.#info = info;
    this.#view = view;
    this.adapting = new Adapting(info);
  }

  /** Takes what is wished for from now on. */
  update(info: Info): void {
    this.#info = info;
    this.adapting.wish = info;
    this.wake();
  }

  /** The stream `camera`: what the kernel gets. */
  stream(signal: AbortSignal): AsyncIterable<CameraFrame> {
    this.#pipe?.end();
    const pipe = new Pipe(() => this.wake());
    signal.addEventListener("abort", () => pipe.end(), { once: true });
    this.#pipe = pipe;
    this.renew(); // Whoever reads it has seen nothing yet.
    return pipe;
  }

  /** What is under way can't be decoded: a key frame goes at once. */
  renew(): void {
    this.wantKey();
    this.pacer.clear();
    this.wake();
  }

  /** The next video frame must stand on its own. */
  wantKey(): void {
    this.#isKeyWanted = true;
  }

  /** Takes note whether frames reach the kernel's server: while they don't, none is sent. */
  reach(isReachable: boolean): void {
    this.#isReachable = isReachable;
    if (isReachable) this.renew(); // What was under way may be lost.
  }

  /** Looks again whether a frame may go. */
  wake(): void {
    this.#wake();
  }

  /**
   * Sends frames until the signal is aborted.
   *
   * @throws KcommError `kcomm.camera_failed` if the browser can encode none
   */
  async run(capture: Capture, signal: AbortSignal): Promise<void> {
    const cancel = () => {
      capture.cancel();
      this.wake();
    };
    signal.addEventListener("abort", cancel, { once: true });
    this.pacer.clear();
    this.#since = performance.now();
    while (!signal.aborted) {
      await this.#view.visible(signal);
      const hold = this.#hold(performance.now());
      if (hold > 0) await this.#pause(hold);
      else if (!signal.aborted) await this.#send(capture, signal);
    }
  }

  /**
   * Takes a frame of the full size, and exact.
   *
   * @returns null: there was none in time, or nobody sees it
   */
  async still(capture: Capture, signal: AbortSignal): Promise<CameraFrame | null> {
    if (!this.#view.isVisible) return null;
    const late = setTimeout(() => capture.cancel(), STILL_TIMEOUT);
    const cancel = () => capture.cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      const { quality, fps } = this.#info;
      const order = { quality, fps, bitrate: 0, key: true, notBefore: performance.now() };
      const box = this.#info;
      const shot = await capture.want({ ...order, index: this.#index, box, codecs: EXACT });
      this.wantKey();
      if (shot === null || signal.aborted || !this.#view.isVisible) return null;
      this.adapting.sent(shot.data.length, shot.codec, null, performance.now());
      return this.#frame(shot, null);
    } finally {
      clearTimeout(late);
      signal.removeEventListener("abort", cancel);
    }
  }

  /** What a frame took before it was sent. */
  msOf(index: number): Record<string, number> {
    const shot = this.#sent.get(index);
    if (shot === undefined) return {};
    return { capture: shot.ms.capture, camera_encode: shot.ms.encode };
  }

  /** Takes note of a result. */
  came({ index, bytes, ms, pace, shown, delay }: Outcome): void {
    const now = performance.now();
    if (delay === null) this.pacer.failed(index);
    else {
      const shot = this.#sent.get(index);
      const here = shot === undefined ? 0 : shot.ms.capture + shot.ms.encode;
      const there = STAGES.reduce((sum, stage) => sum + (ms[stage] ?? 0), 0);
      const stages = here + there + shown;
      const waited = ms.wait ?? 0;
      const isLonger = this.pacer.came(index, now, { delay, stages, waited, pace, shown });
      if (isLonger) this.adapting.forgive();
    }
    const up = this.#sent.get(index)?.bytes ?? 0;
    this.adapting.came(bytes, up, this.pacer.queue, delay ?? 0, now);
    this.wake();
  }

  /** Milliseconds for which no frame may go. */
  #hold(now: number): number {
    const isOpen = this.#isReachable && this.#pipe !== null && !this.#pipe.isEnded;
    if (!isOpen || this.#pipe?.isBehind) return Number.POSITIVE_INFINITY;
    const wait = this.adapting.wait(this.pacer.underWay, now);
    if (wait > 0) return wait;
    const { lost } = this.pacer;
    const isFull = this.pacer.isFull(now);
    if (this.pacer.lost > lost) this.adapting.lost(now);
    if (isFull) return this.pacer.expiry - now;
    // Whoever waits for a picture of the camera can't be told that one may go sooner.
    const early = this.pacer.notBefore - this.pacer.period - now;
    return early > LEAST_HOLD ? early : 0;
  }

  /** Resolves after so many milliseconds, or when something changed. */
  #pause(hold: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = hold < 2 ** 31 ? setTimeout(() => this.wake(), Math.max(1, hold)) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
    });
  }

  async #send(capture: Capture, signal: AbortSignal): Promise<void> {
    const { pacer, adapting } = this;
    const { width, height, codecs, quality } = this.#info;
    const plan = adapting.plan(this.last?.codec ?? codecs[0] ?? "", performance.now());
    pacer.wish = plan.interval;
    const key = this.#isKeyWanted;
    this.#isKeyWanted = false;
    const shot = await capture.want({
      index: this.#index,
      notBefore: Math.max(this.#since, pacer.notBefore),
      box: { width: width * plan.scale, height: height * plan.scale },
      codecs,
      quality: Math.min(quality, plan.quality),
      bitrate: plan.bitrate,
      fps: 1000 / Math.max(plan.interval, pacer.interval),
      key,
    });
    const pipe = this.#pipe;
    const isOver = signal.aborted || !this.#view.isVisible || !this.#isReachable;
    if (shot === null || isOver || pipe === null || pipe.isEnded) {
      this.#isKeyWanted = true; // What was encoded, if anything was, the kernel does not get.
      return;
    }
    pipe.put(this.#frame(shot, plan));
    pacer.period = shot.period;
    pacer.sent(shot.index, shot.taken, performance.now(), shot.ms.capture + shot.ms.encode);
    const planned = adapting.planned(shot.codec, shot.width, shot.height, plan);
    adapting.sent(shot.data.length, shot.codec, planned, performance.now());
  }

  #frame(shot: Shot, plan: Plan | null): CameraFrame {
    const { index, width, height, codec, data, captured, ms, after } = shot;
    this.#index = index + 1;
    if (plan !== null) this.last = shot;
    this.#sent.set(index, { ms, bytes: data.length });
    for (const old of this.#sent.keys()) {
      if (this.#sent.size <= REMEMBERED) break;
      this.#sent.delete(old);
    }
    return {
      index,
      width,
      height,
      codec: codec as Codec,
      data,
      captured,
      ms,
      ...(after === undefined ? {} : { after }),
      ...(plan?.budget ? { budget: plan.budget } : {}),
    };
  }
}

/** Frames that were encoded, until the kernel's credit lets them go. */
class Pipe implements AsyncIterableIterator<CameraFrame> {
  isEnded = false;
  readonly #frames: CameraFrame[] = [];
  #give: ((result: IteratorResult<CameraFrame>) => void) | null = null;

  /** @param taken called when a frame was taken that waited */
  constructor(readonly taken: () => void) {}

  /** Whether a frame waits: what came after it would only get old. */
  get isBehind(): boolean {
    return this.#frames.length > 0;
  }

  put(frame: CameraFrame): void {
    if (this.#give === null) this.#frames.push(frame);
    else {
      const give = this.#give;
      this.#give = null;
      give({ done: false, value: frame });
    }
  }

  end(): void {
    this.isEnded = true;
    this.#give?.({ done: true, value: null });
    this.#give = null;
  }

  next(): Promise<IteratorResult<CameraFrame>> {
    const value = this.#frames.shift();
    if (value !== undefined) {
      this.taken();
      return Promise.resolve({ done: false, value });
    }
    if (this.isEnded) return Promise.resolve({ done: true, value: null });
    return new Promise((resolve) => {
      this.#give = resolve;
    });
  }

  return(): Promise<IteratorResult<CameraFrame>> {
    this.end();
    return Promise.resolve({ done: true, value: null });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
