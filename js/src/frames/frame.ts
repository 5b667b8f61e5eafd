/** A frame as it travels between kernel and page. */
import { KcommError } from "../errors.js";

/** "zlib": deflated rows of RGBA (zlib format, straight alpha); "raw": the same, not deflated. */
export type Codec = "zlib" | "raw" | "jpeg" | "png" | "webp";

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
}

/** A frame that could not be made; the stream goes on. */
export interface FailedFrame {
  readonly index: number;
  readonly error: { readonly code: string; readonly message: string };
}

/** A frame larger than this would be a mistake: 64 million pixels are 256 MiB. */
const MAX_PIXELS = 2 ** 26;
const CODECS: ReadonlySet<unknown> = new Set<Codec>(["zlib", "raw", "jpeg", "png", "webp"]);

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
  return {
    index,
    width,
    height,
    codec: map.codec as Codec,
    data: map.data,
    ms: times(map.ms),
    ...(typeof map.captured === "number" ? { captured: map.captured } : {}),
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
    Object.entries(value).filter(
      (entry): entry is [string, number] => typeof entry[1] === "number",
    ),
  );
}

function bad(message: string): KcommError {
  return new KcommError("kcomm.bad_value", message);
}
