/** Takes the newest picture of a camera when one is wanted, and encodes it. In a worker, or on the page's own thread where there is none. */
import {
  Easel,
  type Extent,
  extentOf,
  fitInto,
  isWhole,
  type Picture,
  readGrey,
  readRgb,
} from "../frames/encode.js";
import { type VideoCodec, VideoWriter } from "./video.js";

/** What is wanted of the next picture. */
export interface Wanted {
  readonly id: number;
  readonly index: number;
  /** Pictures that came earlier are too early; on the page's clock. */
  readonly notBefore: number;
  /** It is scaled down to fit in. */
  readonly box: Extent;
  /** The first of them that this browser can is used. */
  readonly codecs: readonly string[];
  readonly quality: number;
  /** Bits a second, and frames. */
  readonly bitrate: number;
  readonly fps: number;
  readonly key: boolean;
}

/** An encoded picture. */
export interface Shot extends Extent {
  readonly index: number;
  readonly codec: string;
  readonly data: Uint8Array<ArrayBuffer>;
  /** When the picture came, and was taken, on the page's clock. */
  readonly captured: number;
  readonly taken: number;
  /** Milliseconds. */
  readonly ms: { readonly capture: number; readonly encode: number };
  /** The index of the frame that it builds on. */
  readonly after?: number;
  /** Milliseconds between two pictures of the camera, in the mean. */
  readonly period: number;
}

export type Answer =
  /** Null: the encoder left it out; try again. */
  | { readonly id: number; readonly shot: Shot | null }
  | { readonly id: number; readonly error: string };

type Taken = Picture & { close?: () => void };

interface Encoded {
  readonly data: Uint8Array<ArrayBuffer>;
  readonly size: Extent;
  readonly isKey: boolean;
  readonly drawn: number;
}

export class Capturer {
  readonly #answer: (answer: Answer) => void;
  readonly #now: () => number;
  #newest: { picture: Taken; time: number } | null = null;
  #wanted: Wanted | null = null;
  #isEncoding = false;
  #isClosed = false;
  #reader: ReadableStreamDefaultReader<VideoFrame> | null = null;
  readonly #easel = new Easel();
  #writer: VideoWriter | null = null;
  /** The index and form of the video frame that was encoded last. */
  #last: { index: number; form: string } | null = null;
  /** Codecs that turned out not to work. */
  readonly #broken = new Set<string>();
  #cameAt: number | null = null;
  #period = 0;

  /** @param now milliseconds on the page's clock */
  constructor(answer: (answer: Answer) => void, now: () => number) {
    this.#answer = answer;
    this.#now = now;
  }

  /** Whether a picture would be taken at once. */
  wants(time: number): boolean {
    return !this.#isEncoding && this.#wanted !== null && time >= this.#wanted.notBefore;
  }

  /** Whether a picture is wanted, and none came that can be taken. */
  get isStarved(): boolean {
    return this.#wanted !== null && !this.#isEncoding;
  }

  /** A picture came. It is closed here: cameras stall when several are held. */
  put(picture: Taken, time: number): void {
    this.#newest?.picture.close?.();
    this.#newest = null;
    this.tick(time);
    if (this.#isClosed) picture.close?.();
    else {
      this.#newest = { picture, time };
      this.#serve();
    }
  }

  /** Counts a picture that came, and may not be put. */
  tick(time: number): void {
    const step = time - (this.#cameAt ?? time);
    this.#cameAt = time;
    if (step > 0 && step < 1000) {
      this.#period = this.#period === 0 ? step : this.#period + 0.1 * (step - this.#period);
    }
  }

  want(wanted: Wanted): void {
    this.#wanted = wanted;
    this.#serve();
  }

  cancel(id: number): void {
    if (this.#wanted?.id === id) this.#wanted = null;
  }

  /**
   * Takes every picture of a stream, until it ends or another one is followed.
   *
   * @throws Error what the stream broke with
   */
  async follow(readable: ReadableStream<VideoFrame>): Promise<void> {
    const reader = readable.getReader();
    this.leave();
    this.#reader = reader;
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        if (this.#reader === reader) this.put(value, this.#now());
        else value.close();
      }
    } catch (error) {
      if (this.#reader === reader) throw error;
    }
  }

  /** Follows no stream any more. */
  leave(): void {
    this.#reader?.cancel().catch(() => undefined); // It has ended.
    this.#reader = null;
  }

  close(): void {
    this.#isClosed = true;
    this.leave();
    this.#newest?.picture.close?.();
    this.#newest = null;
    this.#wanted = null;
    this.#writer?.close();
    this.#writer = null;
  }

  #serve(): void {
    const [wanted, newest] = [this.#wanted, this.#newest];
    if (wanted === null || newest === null || !this.wants(newest.time)) return;
    this.#wanted = null;
    this.#newest = null;
    this.#isEncoding = true;
    void this.#shoot(wanted, newest.picture, newest.time).then((answer) => {
      newest.picture.close?.();
      this.#isEncoding = false;
      if (this.#isClosed) return;
      this.#answer(answer);
      this.#serve();
    });
  }

  /** Encodes with the first codec that works. */
  async #shoot(wanted: Wanted, picture: Picture, captured: number): Promise<Answer> {
    const { id, index } = wanted;
    let why = "";
    for (const codec of wanted.codecs) {
      if (this.#broken.has(codec)) continue;
      const taken = this.#now();
      try {
        const encoded = await this.#encode(codec, picture, wanted);
        if (encoded === null) return { id, shot: null };
        const { data, size, drawn } = encoded;
        const shot = { index, codec, ...size, data, captured, taken, period: this.#period };
        const ms = { capture: drawn - taken, encode: this.#now() - drawn };
        return { id, shot: { ...shot, ms, ...this.#chain(codec, size, index, encoded.isKey) } };
      } catch (error) {
        if (this.#isClosed) break; // That is why.
        this.#breakOff(codec);
        why = error instanceof Error ? error.message : String(error);
      }
    }
    return { id, error: why || `none of the codecs ${wanted.codecs.join(", ")} is known here` };
  }

  /** A codec does not work: it is not tried again. */
  #breakOff(codec: string): void {
    this.#broken.add(codec);
    if (this.#writer?.codec !== codec) return;
    this.#writer.close();
    this.#writer = null;
  }

  /** Names the frame that a video frame builds on. */
  #chain(codec: string, size: Extent, index: number, isKey: boolean): { after?: number } {
    if (codec !== "h264" && codec !== "vp9") {
      this.#last = null;
      return {};
    }
    const last = this.#last;
    this.#last = { index, form: formOf(codec, size) };
    return isKey || last === null ? {} : { after: last.index };
  }

  async #encode(codec: string, picture: Picture, wanted: Wanted): Promise<Encoded | null> {
    const isVideo = codec === "h264" || codec === "vp9";
    const size = fitInto(extentOf(picture), wanted.box, isVideo ? 2 : 1);
    if (isVideo) return this.#encodeVideo(codec, picture, size, wanted);
    if (codec === "jpeg" || codec === "webp") {
      this.#easel.draw(picture, size);
      const drawn = this.#now();
      const data = await this.#easel.encode(codec, wanted.quality);
      return { data, size, isKey: true, drawn };
    }
    const read = codec === "rgb" ? readRgb : codec === "grey" ? readGrey : null;
    if (read === null) throw new Error(`the codec ${codec} is not known here`);
    const data = (await read(picture, size, this.#easel)) as Uint8Array<ArrayBuffer>;
    return { data, size, isKey: true, drawn: this.#now() };
  }

  async #encodeVideo(
    codec: VideoCodec,
    picture: Picture,
    size: Extent,
    wanted: Wanted,
  ): Promise<Encoded | null> {
    if (this.#writer?.codec !== codec) {
      this.#writer?.close();
      this.#writer = new VideoWriter(codec);
    }
    const frame = this.#asFrame(picture, size);
    const drawn = this.#now();
    const isKey = wanted.key || this.#last?.form !== formOf(codec, size);
    const { bitrate, fps } = wanted;
    try {
      const chunk = await this.#writer.encode(frame, { ...size, bitrate, fps, key: isKey });
      if (chunk === null) return null;
      if (isKey && !chunk.isKey) throw new Error(`${codec}: no key frame came`);
      return { ...chunk, size, drawn };
    } finally {
      if (frame !== picture) frame.close();
    }
  }

  /** The picture as the encoder takes it; most are already so. */
  #asFrame(picture: Picture, size: Extent): VideoFrame {
    if (isWhole(picture, size)) return picture;
    const canvas = this.#easel.draw(picture, size);
    const timestamp = picture instanceof VideoFrame ? picture.timestamp : this.#now() * 1000;
    return new VideoFrame(canvas, { timestamp: Math.round(timestamp) });
  }
}

function formOf(codec: string, { width, height }: Extent): string {
  return `${codec} ${width} ${height}`;
}
