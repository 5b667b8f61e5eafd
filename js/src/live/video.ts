/** The browser's video encoder, one frame after the other. It runs in workers, too. */
import { KcommError } from "../errors.js";
import type { Extent } from "../frames/encode.js";

export type VideoCodec = "h264" | "vp9";

export interface VideoOrder extends Extent {
  /** Bits a second. */
  readonly bitrate: number;
  readonly fps: number;
  /** Whether it must stand on its own. */
  readonly key: boolean;
}

export interface Chunk {
  readonly data: Uint8Array<ArrayBuffer>;
  /** Whether it stands on its own: encoders make such frames unasked, too. */
  readonly isKey: boolean;
}

/** Milliseconds after which a frame counts as left out: encoders do so to keep to their rate. */
const PATIENCE = 400;
/** So many left out in a row mean that it does not work. */
const TRIES = 4;
/** The rate is told anew if it differs by this share, and this many milliseconds after the last time. */
const TOLERANCE = 0.15;
const STAY = 500;
/** H.264 levels (ITU-T H.264, table A-1): macroblocks of a frame, and in a second; and their names. */
const LEVELS: readonly [number, number, string][] = [
  [1620, 40_500, "1e"],
  [3600, 108_000, "1f"],
  [8192, 245_760, "28"],
  [22_080, 589_824, "32"],
  [36_864, 983_040, "33"],
];

export class VideoWriter {
  #encoder: VideoEncoder | null = null;
  #config: VideoEncoderConfig | null = null;
  #configuredAt = Number.NEGATIVE_INFINITY;
  #take: ((chunk: Chunk | null) => void) | null = null;
  #fail: (error: unknown) => void = () => {};
  /** The time of the frame that is being encoded, by which its chunk is known. */
  #stamp = 0;
  /** Gives the frame that is being encoded all its time again. */
  #wait: () => void = () => {};
  #missed = 0;
  /** A chunk that came after its time was up is missing in the row. */
  #isBroken = false;
  #isClosed = false;

  constructor(readonly codec: VideoCodec) {}

  /**
   * Encodes a frame of the order's size; the caller closes it.
   *
   * @returns null: the encoder left it out
   * @throws KcommError `kcomm.camera_failed` if this browser can't encode such frames
   */
  async encode(frame: VideoFrame, order: VideoOrder): Promise<Chunk | null> {
    const isNew = await this.#prepare(order);
    const encoder = this.#encoder as VideoEncoder;
    const chunk = await new Promise<Chunk | null>((resolve, reject) => {
      let timer = setTimeout(() => this.#take?.(null), PATIENCE);
      this.#wait = () => {
        clearTimeout(timer);
        timer = setTimeout(() => this.#take?.(null), PATIENCE);
      };
      this.#take = (taken) => {
        clearTimeout(timer);
        this.#take = null;
        resolve(taken);
      };
      this.#fail = (error) => {
        clearTimeout(timer);
        this.#take = null;
        reject(explain(this.codec, error));
      };
      this.#stamp = frame.timestamp;
      try {
        encoder.encode(frame, { keyFrame: isNew || order.key || this.#isBroken });
      } catch (error) {
        this.#fail(error);
      }
    });
    this.#missed = chunk === null ? this.#missed + 1 : 0;
    if (this.#missed >= TRIES) throw explain(this.codec, "it gives nothing");
    if (chunk?.isKey) this.#isBroken = false;
    return chunk;
  }

  close(): void {
    this.#isClosed = true;
    if (this.#encoder !== null && this.#encoder.state !== "closed") this.#encoder.close();
    this.#encoder = null;
    this.#config = null;
    this.#take?.(null);
  }

  /** Returns whether a key frame must come. */
  async #prepare(order: VideoOrder): Promise<boolean> {
    const config = configOf(this.codec, order);
    const old = this.#config;
    const isSame = old?.width === config.width && old.height === config.height;
    if (this.#encoder !== null && isSame) {
      if (isNear(old.bitrate, config.bitrate) && isNear(old.framerate, config.framerate)) {
        return false;
      }
      const now = performance.now();
      if (now - this.#configuredAt < STAY) return false;
    } else {
      const { supported } = await supports(config);
      if (!supported) throw explain(this.codec, "this browser can't");
      if (this.#isClosed) throw explain(this.codec, "it was closed");
    }
    this.#encoder ??= this.#make();
    this.#encoder.configure(config);
    this.#config = config;
    this.#configuredAt = performance.now();
    return !isSame;
  }

  #make(): VideoEncoder {
    const encoder = new VideoEncoder({
      output: (chunk) => {
        const isKey = chunk.type === "key";
        if (this.#take === null || chunk.timestamp !== this.#stamp) {
          this.#isBroken = true;
          if (this.#take !== null) this.#wait(); // It is busy, and comes to it now.
          return;
        }
        if (this.#isBroken && !isKey) {
          this.#take(null); // It builds on the one that is missing.
          return;
        }
        const data = new Uint8Array(chunk.byteLength);
        chunk.copyTo(data);
        this.#take({ data, isKey });
      },
      error: (error) => {
        if (this.#encoder === encoder) this.#encoder = null;
        this.#fail(error);
      },
    });
    return encoder;
  }
}

function configOf(codec: VideoCodec, order: VideoOrder): VideoEncoderConfig {
  const { width, height, bitrate, fps } = order;
  const framerate = Math.max(1, Math.round(fps));
  return {
    ...(codec === "h264"
      ? { codec: `avc1.42e0${levelOf(width, height, framerate)}`, avc: { format: "annexb" } }
      : { codec: "vp09.00.41.08" }),
    width,
    height,
    bitrate: Math.max(10_000, Math.round(bitrate)),
    framerate,
    latencyMode: "realtime",
  };
}

/** The lowest level of H.264 that allows such pictures. */
function levelOf(width: number, height: number, fps: number): string {
  const blocks = Math.ceil(width / 16) * Math.ceil(height / 16);
  const level = LEVELS.find(([most, rate]) => blocks <= most && blocks * fps <= rate);
  return level?.[2] ?? "33";
}

async function supports(config: VideoEncoderConfig): Promise<{ supported?: boolean }> {
  if (typeof VideoEncoder === "undefined") return { supported: false };
  try {
    return await VideoEncoder.isConfigSupported(config);
  } catch {
    return { supported: false }; // It does not know the words.
  }
}

function isNear(a = 0, b = 0): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(a, b);
}

function explain(codec: VideoCodec, error: unknown): KcommError {
  const why = error instanceof Error ? error.message : String(error);
  return new KcommError("kcomm.camera_failed", `frames can't be encoded as ${codec}: ${why}`);
}
