/** What changed against other pixels: the codec of most frames of a plot. */
import { KcommError } from "../errors.js";
import { inflateSome } from "./inflate.js";
import { largestQoi, readQoi } from "./qoi.js";

/** Flags in the first byte. */
const DEFLATED = 1;
const QOI = 2;
/** Flags, three bytes of nothing, the number of spans. */
const HEAD = 8;
/** Shorter spans are copied faster by hand than by `set`. */
const SHORT = 16;

/**
 * Makes pixels of a base and a delta.
 *
 * @param data the delta, from the start of a buffer or anywhere in it
 * @param base a number for each pixel, red in its lowest byte; it stays as it is
 * @param into where the pixels go
 * @throws KcommError `kcomm.bad_value` if the data are broken, or reach beyond the base's pixels
 */
export async function applyDelta(
  data: Uint8Array,
  base: Uint32Array,
  into = new Uint32Array(base.length),
): Promise<Uint32Array<ArrayBuffer>> {
  const size = base.length;
  if (data.length < HEAD) throw bad(`has a head of ${HEAD} bytes, but ${data.length} came`);
  const head = new DataView(data.buffer, data.byteOffset, HEAD);
  const flags = head.getUint8(0);
  // The other three bytes are 0.
  if (head.getUint32(0, true) !== flags || flags > (DEFLATED | QOI)) {
    throw bad(`has the unknown flags ${head.getUint32(0, true)}`);
  }
  const count = head.getUint32(4, true);
  if (count > size + 1) throw bad(`of ${count} spans came for ${size} pixels`);
  let body = data.subarray(HEAD);
  if (flags & DEFLATED) {
    body = await inflateSome(body, 4 * count + Math.max(4 * size, largestQoi(size)));
  } else if (body.byteOffset % 4 !== 0) {
    body = body.slice(); // Numbers of several bytes must be aligned to be read.
  }
  if (body.length < 4 * count) throw bad(`of ${count} spans has only ${body.length} bytes`);
  const gaps = new Uint16Array(body.buffer, body.byteOffset, count);
  const lengths = new Uint16Array(body.buffer, body.byteOffset + 2 * count, count);
  const values = readValues(body.subarray(4 * count), flags, measure(gaps, lengths, size));
  into.set(base);
  paste(into, gaps, lengths, values);
  return into;
}

/** Returns how many pixels changed. */
function measure(gaps: Uint16Array, lengths: Uint16Array, size: number): number {
  let [idle, changed] = [0, 0];
  for (const gap of gaps) idle += gap;
  for (const length of lengths) changed += length;
  if (idle + changed > size) throw bad(`reaches to pixel ${idle + changed} of ${size}`);
  return changed;
}

function readValues(data: Uint8Array, flags: number, changed: number): Uint32Array {
  if (flags & QOI) {
    if (changed === 0) throw bad("holds a QOI file of no pixels");
    return readQoi(data, changed, 1);
  }
  if (data.length !== 4 * changed) {
    throw bad(`of ${changed} pixels has ${data.length} bytes of values, not ${4 * changed}`);
  }
  return new Uint32Array(data.buffer, data.byteOffset, changed);
}

function paste(
  pixels: Uint32Array,
  gaps: Uint16Array,
  lengths: Uint16Array,
  values: Uint32Array,
): void {
  let at = 0;
  let from = 0;
  for (let i = 0; i < gaps.length; i++) {
    at += gaps[i] as number;
    const length = lengths[i] as number;
    if (length > SHORT) pixels.set(values.subarray(from, from + length), at);
    else for (let k = 0; k < length; k++) pixels[at + k] = values[from + k] as number;
    at += length;
    from += length;
  }
}

function bad(what: string): KcommError {
  return new KcommError("kcomm.bad_value", `a delta ${what}`);
}
