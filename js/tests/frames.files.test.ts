/** What an image file says of its size, before it is decoded. */
import { describe, expect, it } from "vitest";
import { readFileSize } from "../src/frames/files.js";

const ascii = (text: string) => Array.from(text, (letter) => letter.charCodeAt(0));
const big = (size: number) => [size >> 8, size & 255];
const little = (size: number) => [size & 255, size >> 8];

const PNG_START = [0x89, ...ascii("PNG"), 13, 10, 26, 10];
const PNG = [...PNG_START, 0, 0, 0, 13, ...ascii("IHDR"), 0, 0, 2, 128, 0, 0, 1, 224];

const sof = (marker: number) => [0xff, marker, 0, 11, 8, ...big(480), ...big(640), 1, 1, 0x11, 0];
const APP0 = [0xff, 0xe0, 0, 4, 0xff, 0xc0]; // What it holds looks like a marker.
const jpeg = (marker: number) => [0xff, 0xd8, ...APP0, 0xff, ...sof(marker)]; // With a byte of fill.

const webp = (name: string, ...chunk: number[]) => [
  ...ascii("RIFF"),
  ...[0, 0, 0, 0],
  ...ascii("WEBP"),
  ...ascii(name),
  ...[chunk.length, 0, 0, 0],
  ...chunk,
];
const LOSSY = webp(
  "VP8 ",
  0,
  0,
  0,
  0x9d,
  1,
  0x2a,
  ...little(640 | 0x4000),
  ...little(480 | 0x8000),
);
// 639 and 479, of 14 bits each.
const LOSSLESS = webp("VP8L", 0x2f, 0x7f, 0xc2, 0x77, 0x10);
const EXTENDED = webp("VP8X", 0x10, 0, 0, 0, ...little(639), 0, ...little(479), 0);

const read = (codec: "png" | "jpeg" | "webp", bytes: readonly number[]) =>
  readFileSize(codec, Uint8Array.from(bytes));

const FILES = [
  ["png", PNG],
  ["jpeg", jpeg(0xc0)],
  ["webp", LOSSY],
  ["webp", LOSSLESS],
  ["webp", EXTENDED],
] as const;

describe("the size that a file says it has", () => {
  it.each(FILES)("of %s is read", (codec, bytes) => {
    expect(read(codec, bytes)).toEqual({ width: 640, height: 480 });
    expect(read(codec, [...bytes, 1, 2, 3])).toEqual({ width: 640, height: 480 });
  });

  it.each(FILES)("of %s is read wherever the bytes stand", (codec, bytes) => {
    const packet = Uint8Array.from([9, 9, 9, ...bytes, 9]);
    expect(readFileSize(codec, packet.subarray(3, 3 + bytes.length))).not.toBeNull();
  });

  it("of JPEG is read from frames of every kind", () => {
    for (const marker of [0xc1, 0xc2, 0xc9, 0xca, 0xcf]) {
      expect(read("jpeg", jpeg(marker))).toEqual({ width: 640, height: 480 });
    }
  });

  it("of JPEG is not read from tables", () => {
    for (const marker of [0xc4, 0xc8, 0xcc, 0xdb]) {
      expect(read("jpeg", jpeg(marker))).toBeNull();
      expect(read("jpeg", [...jpeg(marker), ...sof(0xc0)])).not.toBeNull();
    }
  });

  it.each(FILES)("of %s is not there in a torn file", (codec, bytes) => {
    // A JPEG's size does not end its header.
    const end = codec === "jpeg" ? bytes.length - 4 : bytes.length;
    for (let length = 0; length < end; length++) {
      expect(read(codec, bytes.slice(0, length))).toBeNull();
    }
  });

  it.each(FILES)("of %s is no other codec's", (codec, bytes) => {
    for (const other of ["png", "jpeg", "webp"] as const) {
      if (other !== codec) expect(read(other, bytes)).toBeNull();
    }
  });

  it.each([
    [
      "png",
      "a first chunk that is another",
      [...PNG.slice(0, 12), ...ascii("tEXt"), ...PNG.slice(16)],
    ],
    ["png", "a head of another length", [...PNG.slice(0, 11), 12, ...PNG.slice(12)]],
    ["png", "no width", [...PNG.slice(0, 16), 0, 0, 0, 0, ...PNG.slice(20)]],
    ["jpeg", "a segment without end", [0xff, 0xd8, 0xff, 0xe0, 0xff, 0xff, 1, 2, 3]],
    ["jpeg", "a segment shorter than its length", [0xff, 0xd8, 0xff, 0xe0, 0, 0, ...sof(0xc0)]],
    ["jpeg", "bytes between segments", [0xff, 0xd8, ...APP0, 7, ...sof(0xc0)]],
    ["jpeg", "pixels before the size", [0xff, 0xd8, 0xff, 0xda, 0, 2, ...sof(0xc0)]],
    ["jpeg", "an end before the size", [0xff, 0xd8, 0xff, 0xd9, ...sof(0xc0)]],
    [
      "jpeg",
      "a height that is told later",
      [0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 0, 0, 2, 128, 1, 1, 17, 0],
    ],
    ["webp", "an unknown first chunk", webp("ICCP", ...LOSSY.slice(20))],
    ["webp", "no start code", webp("VP8 ", 0, 0, 0, 1, 2, 3, ...little(640), ...little(480))],
    ["webp", "a frame that is no key", webp("VP8 ", 1, ...LOSSY.slice(21))],
    ["webp", "another signature", webp("VP8L", 0x2e, 0x7f, 0xc2, 0x77, 0)],
    ["webp", "a newer version", webp("VP8L", 0x2f, 0x7f, 0xc2, 0x77, 0x20)],
  ] as const)("of %s is not there: %s", (codec, _, bytes) => {
    expect(read(codec, bytes)).toBeNull();
  });
});
