/** Inflating zlib data of frames, in bounded memory. */
import { KcommError } from "../errors.js";

/** Inflates data of a known size, into one array; never takes more memory than that, whatever the data say. */
export async function inflate(
  data: Uint8Array,
  size: number,
  pixels = new Uint8ClampedArray(size),
): Promise<Uint8ClampedArray<ArrayBuffer>> {
  const filled = await drain(data, size, (chunk, at) => pixels.set(chunk, at));
  if (filled !== size) throw sizeError(String(filled), size);
  return pixels;
}

/** Inflates data of at most `most` bytes. */
export async function inflateSome(
  data: Uint8Array,
  most: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const size = await drain(data, most, (chunk) => chunks.push(chunk));
  const whole = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** Hands the inflated chunks on as they come; returns how many bytes there were. */
async function drain(
  data: Uint8Array,
  most: number,
  take: (chunk: Uint8Array, at: number) => void,
): Promise<number> {
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
      if (done) return filled;
      if (filled + value.length > most) throw sizeError(`more than ${most}`, most);
      take(value, filled);
      filled += value.length;
    }
  } catch (error) {
    reader.cancel().catch(() => undefined); // The stream may have failed itself; the error below tells of it.
    if (error instanceof KcommError) throw error;
    throw new KcommError("kcomm.bad_value", "a frame's data can't be inflated", null, {
      cause: error,
    });
  }
}

export function sizeError(got: string, size: number): KcommError {
  return new KcommError("kcomm.bad_value", `a frame has ${got} bytes of pixels, not ${size}`);
}
