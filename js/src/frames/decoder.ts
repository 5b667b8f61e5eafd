/** From what comes over a channel to pixels, in order, with the bases that deltas build on. */
import { KcommError } from "../errors.js";
import { bitmap, type Pixels } from "./decode.js";
import { DESK_CODECS, type DeskCodec, type Job, MAX_BASES } from "./desk.js";
import { type Engine, sharedEngine } from "./engine.js";
import { failureOf } from "./failure.js";
import { type Frame, isFailed, isLossless, isVideo, readFrame } from "./frame.js";
import { lend, release } from "./spares.js";
import { type MakeVideoDecoder, VideoStream } from "./video.js";

/** A frame that can be painted. */
export interface DecodedFrame {
  readonly index: number;
  readonly width: number;
  readonly height: number;
  readonly codec: string;
  /** Whether the pixels are those that were drawn. */
  readonly lossless: boolean;
  /** Bytes as it travelled. */
  readonly bytes: number;
  /** Milliseconds that each stage took at the sender. */
  readonly ms: Readonly<Record<string, number>>;
  /** When a camera frame was captured, on the page's `performance.now()` clock. */
  readonly captured?: number;
  readonly pixels: Pixels;
}

/** A frame that was not made, or could not be decoded. */
export interface FailedDecoding {
  readonly index: number;
  readonly error: { readonly index: number; readonly code: string; readonly message: string };
}

export type Decoded = DecodedFrame | FailedDecoding;

export interface FrameDecoderOptions {
  readonly engine?: Engine;
  /** Called when a video frame can't be decoded before a key frame comes: once, and again after a second. It is to ask the sender for one. */
  readonly onKeyWanted?: () => void;
  readonly makeVideoDecoder?: MakeVideoDecoder;
  /** Milliseconds. */
  readonly now?: () => number;
}

/** Milliseconds after which a key frame that did not come is asked for again. */
const KEY_PATIENCE = 1000;
const AT_DESK: ReadonlySet<string> = new Set(DESK_CODECS);
let views = 0;

/** The receiving end of an `Encoder` in the kernel; one for each channel. */
export class FrameDecoder {
  readonly #view = views++;
  readonly #fetchBase: (id: number) => Promise<unknown>;
  readonly #engine: Engine;
  readonly #video: VideoStream;
  readonly #onKeyWanted: () => void;
  readonly #now: () => number;
  /** When a key frame was asked for that did not come, and by which of the video frames so far. */
  #asked: { readonly at: number; readonly by: number } | null = null;
  #videoFrames = 0;
  #generation: number;
  /** Bases that are held or on their way to the desk, oldest first, as the desk keeps them. */
  #ids: number[] = [];
  readonly #fetching = new Map<number, Promise<void>>();
  #last: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  /** @param fetchBase gets the message of the frame with an id from the sender */
  constructor(fetchBase: (id: number) => Promise<unknown>, options: FrameDecoderOptions = {}) {
    this.#fetchBase = fetchBase;
    this.#engine = options.engine ?? sharedEngine();
    this.#video = new VideoStream(options.makeVideoDecoder);
    this.#onKeyWanted = options.onKeyWanted ?? (() => undefined);
    this.#now = options.now ?? (() => performance.now());
    this.#generation = this.#engine.generation;
  }

  /** The ids of the bases it holds, oldest first; at most 4. */
  has(): number[] {
    this.#checkGeneration();
    return [...this.#ids];
  }

  /**
   * Decodes what came for a frame. Frames may be handed in while others are decoded; the promises resolve in the order of the calls.
   *
   * @returns pixels, or why there are none. Only what is no frame at all rejects, with `kcomm.bad_value`
   */
  decode(value: unknown): Promise<Decoded> {
    const decoded = this.#decode(value);
    const before = this.#last;
    const inOrder = before.then(() => decoded).then((done) => this.#checkOut(done));
    this.#last = inOrder.catch(() => undefined);
    decoded.catch(() => undefined); // It rejects again in its turn.
    return inOrder;
  }

  /** Lets go of all bases; what is decoded after it fails with `kcomm.cancelled`. */
  close(): void {
    this.#isClosed = true;
    this.#ids = [];
    this.#video.close();
    this.#engine.close(this.#view);
  }

  // Up to the first `await` it runs at once: bases are taken in the order they come.
  async #decode(value: unknown): Promise<Decoded> {
    const frame = readFrame(value);
    const { index } = frame;
    if (isFailed(frame)) return { index, error: { index, ...frame.error } };
    try {
      return describe(frame, await this.#pixelsOf(frame));
    } catch (error) {
      return { index, error: { index, ...failureOf(error) } };
    }
  }

  #pixelsOf(frame: Frame): Promise<Pixels> {
    if (isVideo(frame.codec)) return this.#decodeVideo(frame);
    return AT_DESK.has(frame.codec) ? this.#atDesk(frame) : bitmap(frame);
  }

  async #decodeVideo(frame: Frame): Promise<VideoFrame> {
    this.#checkOpen();
    const number = this.#videoFrames++;
    try {
      const picture = await this.#video.decode(frame);
      // What later frames asked for is another one.
      const isIt = frame.after === undefined && (this.#asked?.by ?? 0) < number;
      if (isIt) this.#asked = null;
      return picture;
    } catch (error) {
      if (!this.#isClosed) this.#wantKey(number);
      throw error;
    }
  }

  #wantKey(by: number): void {
    const now = this.#now();
    if (this.#asked !== null && now - this.#asked.at < KEY_PATIENCE) return;
    this.#asked = { at: now, by };
    this.#onKeyWanted();
  }

  /** Nobody waits for a picture any more whose view was closed meanwhile: browsers have few of them. */
  #checkOut(decoded: Decoded): Decoded {
    if (!this.#isClosed || "error" in decoded || decoded.pixels instanceof ImageData) {
      return decoded;
    }
    release(decoded.pixels);
    const { index } = decoded;
    return { index, error: { index, code: "kcomm.cancelled", message: "the view was closed" } };
  }

  async #atDesk(frame: Frame): Promise<Pixels> {
    this.#checkOpen();
    this.#checkGeneration();
    if (frame.key !== undefined) this.#take(frame.key);
    const { base } = frame;
    if (base !== undefined && !this.#ids.includes(base)) await this.#fetch(base);
    try {
      return await this.#run(frame);
    } catch (error) {
      // The worker died, and the bases with it; or more than four were in use at a time.
      if (base === undefined || !isGone(error)) throw error;
      this.#forget(base);
      await this.#fetch(base);
      return await this.#run(frame);
    }
  }

  async #run(frame: Frame): Promise<Pixels> {
    this.#checkOpen(); // It may have been closed while a base was fetched.
    if (frame.id !== undefined) this.#note(frame.id);
    const { width, height } = frame;
    try {
      const pixels = await this.#engine.run(this.#view, jobOf(frame, true));
      const image = new ImageData(pixels ?? new Uint8ClampedArray(0), width, height);
      return lend(image, (buffer) => this.#engine.recycle(buffer));
    } catch (error) {
      if (frame.id !== undefined) this.#forget(frame.id);
      throw error;
    }
  }

  /** Takes a key frame that is there only for deltas. If it is broken, they will say so. */
  #take(key: Frame): void {
    const { id } = key;
    if (id === undefined) return;
    this.#note(id);
    this.#engine.run(this.#view, jobOf(key, false)).catch(() => this.#forget(id));
  }

  async #fetch(id: number): Promise<void> {
    const fetching = this.#fetching.get(id) ?? this.#ask(id);
    this.#fetching.set(id, fetching);
    try {
      await fetching;
    } finally {
      this.#fetching.delete(id);
    }
  }

  async #ask(id: number): Promise<void> {
    const key = readFrame(await this.#fetchBase(id));
    this.#checkOpen();
    if (isFailed(key)) throw new KcommError(key.error.code, key.error.message);
    if (key.id !== id) {
      throw new KcommError("kcomm.bad_value", `frame id ${id} was asked for, but ${key.id} came`);
    }
    this.#take(key);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new KcommError("kcomm.cancelled", "the view was closed");
  }

  #note(id: number): void {
    this.#ids = [...this.#ids.filter((known) => known !== id), id].slice(-MAX_BASES);
  }

  #forget(id: number): void {
    this.#ids = this.#ids.filter((known) => known !== id);
  }

  #checkGeneration(): void {
    if (this.#generation === this.#engine.generation) return;
    this.#generation = this.#engine.generation;
    this.#ids = [];
  }
}

function jobOf(frame: Frame, wanted: boolean): Job {
  const { width, height, data, id, base } = frame;
  return {
    width,
    height,
    codec: frame.codec as DeskCodec,
    data,
    wanted,
    ...(id === undefined ? {} : { id }),
    ...(base === undefined ? {} : { base }),
  };
}

function describe(frame: Frame, pixels: Pixels): DecodedFrame {
  const { index, width, height, codec, data, ms, captured } = frame;
  return {
    index,
    width,
    height,
    codec,
    lossless: isLossless(codec),
    bytes: data.length,
    ms,
    ...(captured === undefined ? {} : { captured }),
    pixels,
  };
}

function isGone(error: unknown): boolean {
  return error instanceof KcommError && error.code === "kcomm.no_frame";
}

/** Gives the memory of pixels that are not painted back. */
export function discard(decoded: Decoded | null): void {
  if (decoded !== null && "pixels" in decoded) release(decoded.pixels);
}
