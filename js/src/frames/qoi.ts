/** QOI, the "Quite OK Image" format (qoiformat.org): what key frames are written in. */
import { KcommError } from "../errors.js";

/** "qoif", width, height, channels, colour space; and at the end 8 bytes. */
const HEAD = 14;
const END = 8;
/** The most bytes that a pixel takes. */
const WIDEST = 5;
/** The most pixels of a chunk, which is a byte then. */
const LONGEST = 62;
/** Shorter runs are written faster by hand than by `fill`. */
const SHORT = 8;

/** The bytes that the file of so many pixels takes at most. */
export function largestQoi(count: number): number {
  return HEAD + END + WIDEST * count;
}

/** The bytes that it takes at least. */
export function smallestQoi(count: number): number {
  return HEAD + END + Math.ceil(count / LONGEST);
}

/**
 * Reads a file of RGBA pixels.
 *
 * @param into where the pixels go
 * @returns a number for each pixel, red in its lowest byte
 * @throws KcommError `kcomm.bad_value` if it is broken, or of another size
 */
export function readQoi(
  data: Uint8Array,
  width: number,
  height: number,
  into?: Uint32Array<ArrayBuffer>,
): Uint32Array<ArrayBuffer> {
  const end = data.length - END;
  if (!isHead(data, width, height) || !isEnd(data)) {
    throw bad(`no QOI file of ${width} x ${height} RGBA pixels`);
  }
  const count = width * height;
  const pixels = into ?? new Uint32Array(count);
  const seen = new Uint32Array(64);
  let [red, green, blue, alpha] = [0, 0, 0, 255];
  let pixel = 0xff000000;
  let at = HEAD;
  let i = 0;
  while (i < count && at < end) {
    const tag = data[at++] as number;
    if (tag >= 0xfe) {
      red = data[at++] as number;
      green = data[at++] as number;
      blue = data[at++] as number;
      if (tag === 0xff) alpha = data[at++] as number;
    } else if (tag < 0x40) {
      pixel = seen[tag] as number;
      red = pixel & 255;
      green = (pixel >>> 8) & 255;
      blue = (pixel >>> 16) & 255;
      alpha = pixel >>> 24;
      pixels[i++] = pixel;
      continue;
    } else if (tag < 0x80) {
      red = (red + ((tag >> 4) & 3) - 2) & 255;
      green = (green + ((tag >> 2) & 3) - 2) & 255;
      blue = (blue + (tag & 3) - 2) & 255;
    } else if (tag < 0xc0) {
      const more = data[at++] as number;
      const step = (tag & 63) - 32;
      red = (red + step - 8 + (more >> 4)) & 255;
      green = (green + step) & 255;
      blue = (blue + step - 8 + (more & 15)) & 255;
    } else {
      const stop = i + (tag & 63) + 1;
      if (stop > count) break;
      if (stop - i > SHORT) pixels.fill(pixel, i, stop);
      else for (let k = i; k < stop; k++) pixels[k] = pixel;
      i = stop;
      continue;
    }
    pixel = (red | (green << 8) | (blue << 16) | (alpha << 24)) >>> 0;
    seen[(red * 3 + green * 5 + blue * 7 + alpha * 11) & 63] = pixel;
    pixels[i++] = pixel;
  }
  if (i !== count || at > end) throw bad(`a QOI file whose pixels are not ${count}`);
  return pixels;
}

function isHead(data: Uint8Array, width: number, height: number): boolean {
  if (data.length < HEAD + END) return false;
  const view = new DataView(data.buffer, data.byteOffset, HEAD);
  return (
    view.getUint32(0) === 0x716f6966 &&
    view.getUint32(4) === width &&
    view.getUint32(8) === height &&
    view.getUint16(12) === 0x0400
  );
}

function isEnd(data: Uint8Array): boolean {
  return data.subarray(-END).every((byte, i) => byte === (i === END - 1 ? 1 : 0));
}

function bad(what: string): KcommError {
  return new KcommError("kcomm.bad_value", `the data of a frame are ${what}`);
}
