/** Rows of RGB or of brightness, as numbers for pixels: red in the lowest byte, opaque. */

type Words = Uint32Array<ArrayBuffer>;

const OPAQUE = 0xff000000;
/** One of these for each channel makes grey of a brightness. */
const GREY = 0x010101;

/** @param data three bytes for each pixel */
export function fillRgb(data: Uint8Array, into: Words): Words {
  for (let i = 0, at = 0; i < into.length; i++, at += 3) {
    const [red, green, blue] = [data[at], data[at + 1], data[at + 2]] as [number, number, number];
    into[i] = red | (green << 8) | (blue << 16) | OPAQUE;
  }
  return into;
}

/** @param data a byte for each pixel */
export function fillGrey(data: Uint8Array, into: Words): Words {
  for (let i = 0; i < into.length; i++) into[i] = ((data[i] as number) * GREY) | OPAQUE;
  return into;
}
