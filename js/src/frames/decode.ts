/** From a frame that stands on its own to pixels that a canvas can take. */
import { KcommError } from "../errors.js";
import { Desk } from "./desk.js";
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
  if (codec === "jpeg" || codec === "png" || codec === "webp") return bitmap(frame);
  if (isVideo(codec) || codec === "delta") {
    const why = `a frame of the codec ${codec} can't be decoded by itself`;
    throw new KcommError("kcomm.bad_value", why);
  }
  const job = { codec, width, height, data, wanted: true };
  const pixels = await new Desk().run(job);
  return new ImageData(pixels ?? new Uint8ClampedArray(0), width, height);
}

/** Decodes an image file: browsers do it on a thread of their own. */
export async function bitmap(frame: Frame): Promise<ImageBitmap> {
  const { codec, width, height } = frame;
  const blob = new Blob([frame.data as BlobPart], { type: `image/${codec}` });
  let image: ImageBitmap;
  try {
    image = await createImageBitmap(blob);
  } catch (error) {
    throw new KcommError("kcomm.bad_value", `a frame is no ${codec} image`, null, {
      cause: error,
    });
  }
  if (image.width === width && image.height === height) return image;
  const came = `${image.width} x ${image.height}`;
  image.close();
  throw new KcommError(
    "kcomm.bad_value",
    `a frame of ${width} x ${height} was announced, but ${came} came`,
  );
}
