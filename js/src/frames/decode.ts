/** From a frame that stands on its own to pixels that a canvas can take. */
import { KcommError } from "../errors.js";
import { Desk } from "./desk.js";
import type { Extent } from "./encode.js";
import { type FileCodec, readFileSize } from "./files.js";
import { type Frame, isVideo } from "./frame.js";

export { inflate } from "./inflate.js";

/** What a canvas can take; whoever holds them must hand them to `release` at last. */
export type Pixels = ImageData | ImageBitmap | VideoFrame;

/** The width and height of pixels. */
export function sizeOf(pixels: Pixels): { width: number; height: number } {
  if (!("visibleRect" in pixels)) return { width: pixels.width, height: pixels.height };
  const { width, height } = pixels.visibleRect ?? { width: 0, height: 0 };
  return { width, height };
}

/**
 * Decodes a frame that stands on its own, and is no video, on this thread where the browser has no decoder of its own.
 *
 * @throws KcommError `kcomm.bad_value` if the data are not what the frame says
 */
export async function decode(frame: Frame): Promise<Pixels> {
  const { codec, width, height, data } = frame;
  if (isFile(codec)) return bitmap(frame);
  if (isVideo(codec) || codec === "delta") {
    const why = `a frame of the codec ${codec} can't be decoded by itself`;
    throw new KcommError("kcomm.bad_value", why);
  }
  const job = { codec, width, height, data, wanted: true };
  const pixels = await new Desk().run(job);
  return new ImageData(pixels ?? new Uint8ClampedArray(0), width, height);
}

function isFile(codec: string): codec is FileCodec {
  return codec === "jpeg" || codec === "png" || codec === "webp";
}

/**
 * Decodes an image file: browsers do it on a thread of their own.
 *
 * @throws KcommError `kcomm.bad_value` if it is none, or has another size than the frame
 */
export async function bitmap(frame: Frame): Promise<ImageBitmap> {
  const { codec, width, height } = frame;
  checkSize(frame);
  const blob = new Blob([frame.data as BlobPart], { type: `image/${codec}` });
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(blob);
  } catch (error) {
    throw noImage(codec, error);
  }
  if (image.width === width && image.height === height) return image;
  const error = otherSize(frame, image);
  image.close();
  throw error;
}

/** Before memory is taken: a small file may hold a gigabyte of pixels. */
function checkSize(frame: Frame): void {
  const { codec, width, height, data } = frame;
  const size = isFile(codec) ? readFileSize(codec, data) : null;
  if (size === null) throw noImage(codec);
  const isTurned = size.width === height && size.height === width; // A camera's file may say so.
  if (!isTurned && (size.width !== width || size.height !== height)) throw otherSize(frame, size);
}

function noImage(codec: string, cause?: unknown): KcommError {
  const message = `a frame is no ${codec} image`;
  return new KcommError("kcomm.bad_value", message, null, { cause });
}

function otherSize({ width, height }: Extent, came: Extent): KcommError {
  return new KcommError(
    "kcomm.bad_value",
    `a frame of ${width} x ${height} was announced, but ${came.width} x ${came.height} came`,
  );
}
