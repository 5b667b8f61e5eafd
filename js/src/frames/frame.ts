/** A frame as it travels between kernel and page. */
import { KcommError } from "../errors.js";
import { VIDEO, type VideoCodec } from "./codecs.js";

/** "raw": rows of RGBA (straight alpha); "rgb", "grey": rows of those; "zlib": "raw", deflated; "qoi", "qoiz": a QOI file, and one deflated; "delta": what changed against `base`; "h264", "vp9": what changed against the frame `after`. */
export type Codec =
  | "raw"
  | "rgb"
  | "grey"
  | "zlib"
  | "qoi"
  | "qoiz"
  | "delta"
  | "jpeg"
  | "png"
  | "webp"
  | VideoCodec;

/** Pixels of one moment, encoded. */
export interface Frame {
  readonly index: number;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  readonly codec: Codec;
  readonly data: Uint8Array;
  /** Milliseconds that each stage took. */
  readonly ms: Readonly<Record<string, number>>;
  /** When a camera frame was captured, on the page's `performance.now()` clock; echoed by the kernel. */
  readonly captured?: number;
  /** The receiver keeps the pixels under this number, as a base for deltas. */
  readonly id?: number;
  /** The id of the frame that a delta builds on. */
  readonly base?: number;
  /** That frame, if the sender does not know that it is here. */
  readonly key?: Frame;
  /** The index of the frame that a video frame builds on; missing for a key frame. */
  readonly after?: number;
}

/** A frame that could not be made; the stream goes on. */
export interface FailedFrame {
  readonly index: number;
  readonly error: { readonly code: string; readonly message: string };
}

/** A frame larger than this would be a mistake: 64 million pixels are 256 MiB. */
const MAX_PIXELS = 2 ** 26;
/** Lossless, the same in every browser, and whole: these may be bases. */
const KEYS: ReadonlySet<unknown> = new Set<Codec>(["raw", "zlib", "qoi", "qoiz"]);
const VIDEOS: ReadonlySet<unknown> = new Set<Codec>(VIDEO);
const LOSSY: ReadonlySet<string> = new Set<Codec>(["jpeg", "webp", ...VIDEO]);
const CODECS: ReadonlySet<unknown> = new Set<unknown>([
  ...KEYS,
  ...LOSSY,
  "rgb",
  "grey",
  "delta",
  "png",
]);

/** Whether a codec gives back the pixels that were drawn. */
export function isLossless(codec: Codec): boolean {
  return !LOSSY.has(codec);
}

export function isVideo(codec: Codec): codec is VideoCodec {
  return VIDEOS.has(codec);
}

export function isFailed(frame: Frame | FailedFrame): frame is FailedFrame {
  return "error" in frame;
}

/**
 * Checks what came over the channel.
 *
 * @throws KcommError `kcomm.bad_value` if it is no frame
 */
export function readFrame(value: unknown): Frame | FailedFrame {
  const map = asMap(value, "a frame");
  const index = count(map.index, "index", Number.MAX_SAFE_INTEGER);
  if (map.error !== undefined && map.error !== null) {
    const { code, message } = asMap(map.error, "a frame's error");
    return { index, error: { code: String(code), message: String(message) } };
  }
  const width = count(map.width, "width", MAX_PIXELS);
  const height = count(map.height, "height", MAX_PIXELS);
  if (width * height === 0 || width * height > MAX_PIXELS) {
    throw bad(`a frame of ${width} x ${height} pixels can't be shown`);
  }
  if (!CODECS.has(map.codec)) throw bad(`unknown codec ${JSON.stringify(map.codec)}`);
  if (!(map.data instanceof Uint8Array)) throw bad("a frame's data must be bytes");
  const references = readReferences(map);
  return {
    index,
    width,
    height,
    codec: map.codec as Codec,
    data: map.data,
    ms: times(map.ms),
    ...(isReal(map.captured) ? { captured: map.captured } : {}),
    ...references,
    ...readAfter(map, index),
  };
}

/** The number of the frame that a video frame builds on. */
function readAfter(map: Record<string, unknown>, index: number): Pick<Frame, "after"> {
  if (map.after === undefined || map.after === null) return {};
  if (!VIDEOS.has(map.codec)) throw bad(`a frame of the codec ${map.codec} has no 'after'`);
  const after = count(map.after, "after", Number.MAX_SAFE_INTEGER);
  if (after >= index) throw bad(`frame ${index} can't build on frame ${after}: indices go up`);
  return { after };
}

/** The numbers by which frames build on each other. */
function readReferences(map: Record<string, unknown>): Pick<Frame, "id" | "base" | "key"> {
  const isDelta = map.codec === "delta";
  const given = (key: string) => map[key] !== undefined && map[key] !== null;
  if (given("id") && !KEYS.has(map.codec)) {
    throw bad(`a frame of the codec ${map.codec} can't be a base`);
  }
  if (!isDelta && (given("base") || given("key"))) {
    throw bad(`a frame of the codec ${map.codec} builds on no other`);
  }
  const key = given("key") ? readFrame(map.key) : null;
  if (key !== null && (isFailed(key) || key.id !== map.base)) {
    throw bad("a delta's key must be the frame it builds on");
  }
  return {
    ...(given("id") ? { id: count(map.id, "id", Number.MAX_SAFE_INTEGER) } : {}),
    ...(isDelta ? { base: count(map.base, "base", Number.MAX_SAFE_INTEGER) } : {}),
    ...(key === null ? {} : { key: key as Frame }),
  };
}

function asMap(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw bad(`${what} must be a map`);
  }
  return value as Record<string, unknown>;
}

function count(value: unknown, what: string, max: number): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > max) {
    throw bad(`a frame's ${what} must be an integer from 0 to ${max}, not ${String(value)}`);
  }
  return value;
}

function times(value: unknown): Record<string, number> {
  if (typeof value !== "object" || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, number] => isReal(entry[1])),
  );
}

/** One time that is no number would be in every mean that it is part of, for good. */
function isReal(value: unknown): value is number {
  return Number.isFinite(value);
}

function bad(message: string): KcommError {
  return new KcommError("kcomm.bad_value", message);
}
