/** What image files say of their size at their beginning: nothing is decoded for it. */

import type { Extent } from "./encode.js";

/** Codecs whose data are image files. */
export type FileCodec = "jpeg" | "png" | "webp";

/** Pixels as they stand in the file: what else is in there may say that they are to be turned. Null: it is no such file, or one that is torn. */
export function readFileSize(codec: FileCodec, data: Uint8Array): Extent | null {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const size = READERS[codec](view);
  return size !== null && size.width > 0 && size.height > 0 ? size : null;
}

type Reader = (view: DataView) => Extent | null;

const READERS: Readonly<Record<FileCodec, Reader>> = {
  jpeg: jpegSize,
  png: pngSize,
  webp: webpSize,
};

const PNG_SIGNATURE = "\x89PNG\r\n\x1a\n";
/** The length and name of the chunk that is always the first. */
const PNG_HEAD = "\0\0\0\x0dIHDR";

function pngSize(view: DataView): Extent | null {
  if (view.byteLength < 24 || !has(view, 0, PNG_SIGNATURE + PNG_HEAD)) return null;
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

function jpegSize(view: DataView): Extent | null {
  if (!has(view, 0, "\xff\xd8\xff")) return null;
  let at = 2;
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // A byte of fill.
      continue;
    }
    if (isFrameHeader(marker)) return frameSize(view, at);
    const length = view.getUint16(at + 2);
    // Only segments stand before the size: no pixels, and no end.
    if (marker < 0xc0 || (marker >= 0xd0 && marker <= 0xda) || length < 2) return null;
    at += 2 + length;
  }
  return null;
}

/** Whether it is one of the sixteen kinds, less the three numbers that mean something else. */
function isFrameHeader(marker: number): boolean {
  return (marker & 0xf0) === 0xc0 && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function frameSize(view: DataView, at: number): Extent | null {
  if (at + 9 > view.byteLength) return null;
  return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
}

/** Bytes before the body of a WebP file's first chunk. */
const WEBP_HEAD = 20;

function webpSize(view: DataView): Extent | null {
  if (!has(view, 0, "RIFF") || !has(view, 8, "WEBP")) return null;
  if (has(view, 12, "VP8 ")) return lossySize(view, WEBP_HEAD);
  if (has(view, 12, "VP8L")) return losslessSize(view, WEBP_HEAD);
  if (has(view, 12, "VP8X")) return canvasSize(view, WEBP_HEAD);
  return null;
}

/** A key frame of VP8; the upper two bits of each side are how it is to be scaled. */
function lossySize(view: DataView, at: number): Extent | null {
  if (at + 10 > view.byteLength || !has(view, at + 3, "\x9d\x01\x2a")) return null;
  if ((view.getUint8(at) & 1) !== 0) return null;
  const side = (offset: number) => view.getUint16(at + offset, true) & 0x3fff;
  return { width: side(6), height: side(8) };
}

/** Fourteen bits each, less one; whether there is alpha; three bits of version, which are 0. */
function losslessSize(view: DataView, at: number): Extent | null {
  if (at + 5 > view.byteLength || view.getUint8(at) !== 0x2f) return null;
  const bits = view.getUint32(at + 1, true);
  if (bits >>> 29 !== 0) return null;
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

/** Of the canvas, less one, in three bytes each. */
function canvasSize(view: DataView, at: number): Extent | null {
  if (at + 10 > view.byteLength) return null;
  const side = (offset: number) =>
    view.getUint16(at + offset, true) + 0x10000 * view.getUint8(at + offset + 2) + 1;
  return { width: side(4), height: side(7) };
}

/** Whether bytes are there, one for each character. */
function has(view: DataView, at: number, bytes: string): boolean {
  if (at + bytes.length > view.byteLength) return false;
  for (let i = 0; i < bytes.length; i++) {
    if (view.getUint8(at + i) !== bytes.charCodeAt(i)) return false;
  }
  return true;
}
