/** From a frame that stands on its own to pixels that a canvas can take. */
import { KcommError } from "../errors.js";
import { Desk, type DeskCodec } from "./desk.js";
import type { Codec, Frame } from "./frame.js";

export { inflate } from "./inflate.js";

/** What this page can decode, best first; named in HELLO. */
export const DECODABLE: readonly Codec[] = [
  "delta",
  "qoi",
  "qoiz",
  "zlib",
  "png",
  "webp",
  "jpeg",
  "raw",
];

export type Pixels = ImageData | ImageBitmap;

/**
 * Decodes a frame of any codec but `delta`, on this thread where the browser has no decoder of its own.
 *
 * @throws KcommError `kcomm.bad_value` if the data are not what the frame says
 */
export async function decode(frame: Frame): Promise<Pixels> {
  const { codec, width, height, data } = frame;
  if (codec === "jpeg" || codec === "png" || codec === "webp") return bitmap(frame);
  const job = { codec: codec as DeskCodec, width, height, data, wanted: true };
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
