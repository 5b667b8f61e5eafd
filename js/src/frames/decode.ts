/** From an encoded frame to pixels that a canvas can take. */
import { KcommError } from "../errors.js";
import type { Codec, Frame } from "./frame.js";

/** What this page can decode, best first; named in HELLO. */
export const DECODABLE: readonly Codec[] = ["zlib", "png", "webp", "jpeg", "raw"];

export type Pixels = ImageData | ImageBitmap;

/**
 * Decodes a frame.
 *
 * @throws KcommError `kcomm.bad_value` if the data are not what the frame says
 */
export async function decode(frame: Frame): Promise<Pixels> {
  const { width, height, data } = frame;
  switch (frame.codec) {
    case "raw":
      return new ImageData(rgba(data, width * height * 4), width, height);
    case "zlib":
      return new ImageData(await inflate(data, width * height * 4), width, height);
    default:
      return bitmap(frame);
  }
}

/** Inflates zlib data of a known size, into one buffer; never takes more memory than that, whatever the data say. */
export async function inflate(
  data: Uint8Array,
  size: number,
): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const pixels = new Uint8ClampedArray(size);
  const { readable, writable } = new DecompressionStream("deflate");
  // Feeding it by hand is a third faster than piping a Blob's stream into it.
  const writer = writable.getWriter();
  const fed = Promise.all([writer.write(data as BufferSource), writer.close()]);
  fed.catch(() => undefined); // The reader below gets the same error.
  const reader = readable.getReader();
  let filled = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      if (filled + value.length > size) throw sizeError(`more than ${size}`, size);
      pixels.set(value, filled);
      filled += value.length;
    }
  } catch (error) {
    reader.cancel().catch(() => undefined); // The stream may have failed itself; the error below tells of it.
    if (error instanceof KcommError) throw error;
    throw new KcommError("kcomm.bad_value", "a frame's data can't be inflated", null, {
      cause: error,
    });
  }
  if (filled !== size) throw sizeError(String(filled), size);
  return pixels;
}

function rgba(data: Uint8Array, size: number): Uint8ClampedArray<ArrayBuffer> {
  if (data.length !== size) throw sizeError(String(data.length), size);
  return new Uint8ClampedArray(data.buffer as ArrayBuffer, data.byteOffset, size);
}

function sizeError(got: string, size: number): KcommError {
  return new KcommError("kcomm.bad_value", `a frame has ${got} bytes of pixels, not ${size}`);
}

async function bitmap(frame: Frame): Promise<ImageBitmap> {
  const blob = new Blob([frame.data as BlobPart], { type: `image/${frame.codec}` });
  try {
    return await createImageBitmap(blob);
  } catch (error) {
    throw new KcommError("kcomm.bad_value", `a frame is no ${frame.codec} image`, null, {
      cause: error,
    });
  }
}
