/** Frames that build on the one before: H.264 and VP9, through the browser's own decoder, which works off the page's thread. */
import { KcommError } from "../errors.js";
import { preferenceFor, type VideoCodec } from "./codecs.js";
import type { Frame } from "./frame.js";

/** Milliseconds after which a frame that was not decoded never will be: decoding takes a few. */
const PATIENCE = 3000;
/** Any will do: what counts is that they go up. */
const MICROSECONDS = 1000;
/** Bits of a NAL unit's first byte that tell its type, and the type that tells of the profile. */
const NAL_TYPE = 31;
const PARAMETER_SET = 7;

/** The part of a `VideoDecoder` that is used. */
export type VideoDecoderLike = Pick<VideoDecoder, "configure" | "decode" | "close" | "state">;

export type MakeVideoDecoder = (init: VideoDecoderInit) => VideoDecoderLike;

/** A frame that was handed in, and did not come out yet. */
interface Waiting {
  readonly frame: Frame;
  readonly resolve: (picture: VideoFrame) => void;
  readonly reject: (error: KcommError) => void;
}

/** Decodes the video frames of one sequence. They may be handed in while others are decoded. */
export class VideoStream {
  readonly #make: MakeVideoDecoder;
  readonly #patience: number;
  #decoder: VideoDecoderLike | null = null;
  /** What the decoder was told of the stream. */
  #form = "";
  /** The size and codec of the frame handed in last, and its index; null: a key frame must come. */
  #last: Pick<Frame, "index" | "width" | "height" | "codec"> | null = null;
  #stamp = 0;
  readonly #waiting = new Map<number, Waiting>();
  #watch: ReturnType<typeof setTimeout> | null = null;

  constructor(make: MakeVideoDecoder = makeDecoder, patience = PATIENCE) {
    this.#make = make;
    this.#patience = patience;
  }

  /** Frames that are being decoded. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Decodes; what is to come before must have been handed in just before.
   *
   * @returns a picture of the frame's size, for the caller to close
   * @throws KcommError `kcomm.no_frame`: it builds on a frame that was not decoded. `kcomm.bad_value`: it is broken, and so is what builds on it
   */
  decode(frame: Frame): Promise<VideoFrame> {
    try {
      this.#check(frame);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      const stamp = this.#stamp++ * MICROSECONDS;
      this.#waiting.set(stamp, { frame, resolve, reject });
      try {
        this.#feed(frame, stamp);
        this.#watchOver();
      } catch (error) {
        this.#refuse(stamp, error);
      }
    });
  }

  /** Lets go of the decoder, and closes what it still brings; frames that are under way fail with `kcomm.cancelled`. */
  close(): void {
    this.#drop(() => new KcommError("kcomm.cancelled", "the view was closed"));
  }

  #check(frame: Frame): void {
    const { index, after, width, height, codec } = frame;
    if (after === undefined) return;
    const last = this.#last;
    if (last === null || last.index !== after) {
      const why = `frame ${index} builds on frame ${after}, which was not decoded just before`;
      throw new KcommError("kcomm.no_frame", why);
    }
    if (last.width === width && last.height === height && last.codec === codec) return;
    throw bad(frame, "its size or codec is new, and it is no key frame");
  }

  #feed(frame: Frame, timestamp: number): void {
    const { data } = frame;
    if (data.length === 0) throw bad(frame, "it has no data");
    const isKey = frame.after === undefined;
    const decoder = isKey ? this.#prepare(frame) : this.#decoder;
    if (decoder === null) throw bad(frame, "the decoder was closed");
    const type = isKey ? "key" : "delta";
    decoder.decode(new EncodedVideoChunk({ type, timestamp, data: data as BufferSource }));
    const { index, width, height, codec } = frame;
    this.#last = { index, width, height, codec };
  }

  /** Takes a frame back that the decoder did not get; those before it are decoded all the same. */
  #refuse(stamp: number, error: unknown): void {
    const waiting = this.#waiting.get(stamp);
    this.#waiting.delete(stamp);
    this.#last = null;
    this.#form = "";
    waiting?.reject(explain(error, waiting.frame));
    if (this.#decoder?.state === "closed") this.#drop(orphaned);
  }

  /** Returns a decoder for a stream that begins with this frame. */
  #prepare(frame: Frame): VideoDecoderLike {
    const codec = frame.codec === "vp9" ? "vp09.00.51.08" : `avc1.${profileOf(frame)}`;
    const form = `${codec} ${frame.width} ${frame.height}`;
    if (this.#decoder !== null && this.#form === form) return this.#decoder;
    let decoder = this.#decoder;
    if (decoder === null) {
      const made = this.#make({
        output: (picture) => this.#take(picture),
        error: (error) => {
          if (this.#decoder === made) this.#fail(error);
        },
      });
      decoder = made;
      this.#decoder = made;
    }
    decoder.configure({
      codec,
      codedWidth: even(frame.width),
      codedHeight: even(frame.height),
      optimizeForLatency: true,
      hardwareAcceleration: preferenceFor(frame.codec as VideoCodec),
      ...(frame.codec === "vp9" ? { colorSpace: coloursOf(frame) } : {}),
    });
    this.#form = form;
    return decoder;
  }

  #take(picture: VideoFrame): void {
    const waiting = this.#waiting.get(picture.timestamp);
    if (waiting === undefined) {
      picture.close();
      return;
    }
    this.#waiting.delete(picture.timestamp);
    this.#unwatch();
    if (this.#waiting.size > 0) this.#watchOver();
    try {
      waiting.resolve(cut(picture, waiting.frame));
    } catch (error) {
      waiting.reject(explain(error, waiting.frame));
      this.#drop(orphaned);
    }
  }

  /** The frame that waits for longest is broken, or the decoder is: the others can't be decoded without it. */
  #fail(error: unknown): void {
    let isFirst = true;
    this.#drop((frame) => {
      if (!isFirst) return orphaned(frame);
      isFirst = false;
      return explain(error, frame);
    });
  }

  #drop(why: (frame: Frame) => KcommError): void {
    this.#unwatch();
    const decoder = this.#decoder;
    this.#decoder = null;
    this.#last = null;
    if (decoder !== null && decoder.state !== "closed") decoder.close();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { frame, reject } of waiting) reject(why(frame));
  }

  #watchOver(): void {
    const late = () => {
      const seconds = `${this.#patience / 1000} s`;
      this.#fail(new KcommError("kcomm.bad_value", `a frame was not decoded within ${seconds}`));
    };
    this.#watch ??= setTimeout(late, this.#patience);
  }

  #unwatch(): void {
    if (this.#watch !== null) clearTimeout(this.#watch);
    this.#watch = null;
  }
}

function makeDecoder(init: VideoDecoderInit): VideoDecoderLike {
  if (typeof VideoDecoder !== "undefined") return new VideoDecoder(init);
  throw new KcommError(
    "kcomm.bad_value",
    "this page can't decode video: browsers let only secure origins do it",
  );
}

/** The picture in the frame's size: codecs that halve the resolution of colours take even sizes only, and the rest is cut off. */
function cut(picture: VideoFrame, frame: Frame): VideoFrame {
  const { width, height } = frame;
  const rect = picture.visibleRect;
  if (rect?.width === width && rect.height === height) return picture;
  try {
    if (rect?.width !== even(width) || rect.height !== even(height)) {
      throw bad(frame, `${rect?.width} x ${rect?.height} pixels came`);
    }
    const { x, y } = rect;
    return new VideoFrame(picture, { visibleRect: { x, y, width, height } });
  } finally {
    picture.close();
  }
}

function even(side: number): number {
  return side + (side % 2);
}

/** Reads the profile and the level from an H.264 key frame, as six hex digits. */
function profileOf(frame: Frame): string {
  const { data } = frame;
  for (let i = data.indexOf(1); i >= 0; i = data.indexOf(1, i + 1)) {
    const isStart = i >= 2 && data[i - 1] === 0 && data[i - 2] === 0;
    if (!isStart || ((data[i + 1] ?? 0) & NAL_TYPE) !== PARAMETER_SET) continue;
    const bytes = [...data.subarray(i + 2, i + 5)];
    if (bytes.length === 3) return bytes.map((b) => b.toString(16).padStart(2, "0")).join("");
  }
  throw bad(frame, "it says nothing of its profile, as key frames do");
}

/** Browsers look for the colours of VP9 everywhere but in the stream itself. */
function coloursOf({ data }: Frame): VideoColorSpaceInit {
  // Profile 0: a byte of flags, three bytes of sync code, three bits of colour space, a bit of range.
  const isPlain = ((data[0] ?? 0) & 0xf4) === 0x80 && data[1] === 0x49;
  const [space, isFull] = isPlain ? [(data[4] ?? 0) >> 5, ((data[4] ?? 0) & 16) > 0] : [0, false];
  const matrix = space === 1 || space === 3 ? "smpte170m" : "bt709";
  return { matrix, primaries: "bt709", transfer: "bt709", fullRange: isFull };
}

function orphaned({ index }: Frame): KcommError {
  const why = `frame ${index} came after one that could not be decoded`;
  return new KcommError("kcomm.no_frame", why);
}

function bad({ index, width, height, codec }: Frame, why: string): KcommError {
  const what = `frame ${index}, ${width} x ${height},`;
  return new KcommError("kcomm.bad_value", `${what} can't be decoded as ${codec}: ${why}`);
}

function explain(error: unknown, frame: Frame): KcommError {
  if (error instanceof KcommError) return error;
  return bad(frame, error instanceof Error ? error.message : String(error));
}
