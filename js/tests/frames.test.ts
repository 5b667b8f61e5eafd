import { deflateSync } from "node:zlib";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { decode, inflate } from "../src/frames/decode.js";
import { fitInto } from "../src/frames/encode.js";
import { isFailed, readFrame } from "../src/frames/frame.js";
import { RateMeter, RunningMean } from "../src/frames/meters.js";
import { fakePage } from "./fakes/page.js";

const FRAME = {
  index: 3,
  width: 2,
  height: 1,
  codec: "raw",
  data: new Uint8Array(8),
  ms: { draw: 1.5, encode: 2 },
};

describe("readFrame", () => {
  it("takes a frame, and one that failed", () => {
    expect(readFrame(FRAME)).toEqual(FRAME);
    expect(readFrame({ ...FRAME, captured: 12.5 })).toEqual({ ...FRAME, captured: 12.5 });
    const failed = readFrame({ index: 4, error: { code: "x.y", message: "no" } });
    expect(isFailed(failed) && failed.error).toEqual({ code: "x.y", message: "no" });
  });

  it.each([
    ["null", null],
    ["a list", [FRAME]],
    ["no index", { ...FRAME, index: undefined }],
    ["a fractional width", { ...FRAME, width: 1.5 }],
    ["no pixels", { ...FRAME, height: 0 }],
    ["too many pixels", { ...FRAME, width: 2 ** 20, height: 2 ** 20 }],
    ["an unknown codec", { ...FRAME, codec: "gif" }],
    ["text for data", { ...FRAME, data: "AAAA" }],
  ])("refuses %s", (_, value) => {
    expect(() => readFrame(value)).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
  });

  it("ignores times that are no numbers", () => {
    const frame = readFrame({ ...FRAME, ms: { draw: "slow", encode: 1 } });
    expect(frame).toMatchObject({ ms: { encode: 1 } });
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY])("ignores the time %d", (time) => {
    expect(readFrame({ ...FRAME, ms: { draw: time, encode: 2 }, captured: time })).toEqual({
      ...FRAME,
      ms: { encode: 2 },
    });
  });
});

describe("decode", () => {
  it.each(["delta", "h264", "vp9"] as const)("refuses %s: it needs others", async (codec) => {
    await expect(decode({ ...FRAME, codec })).rejects.toMatchObject({ code: "kcomm.bad_value" });
  });

  it("takes rows of any kind", async () => {
    fakePage();
    const grey = { ...FRAME, codec: "grey", data: Uint8Array.of(1, 255) } as const;
    expect(((await decode(grey)) as ImageData).data).toEqual(
      Uint8ClampedArray.of(1, 1, 1, 255, 255, 255, 255, 255),
    );
  });
});

describe("an image file", () => {
  const SMALL = { ...FRAME, codec: "png", width: 1, height: 1 } as const;
  const png = (width: number, height: number) =>
    Uint8Array.of(
      ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52],
      ...[width, height].flatMap((side) => [0, 0, side >> 8, side & 255]),
      ...[8, 6, 0, 0, 0],
    );

  /** A browser that decodes a file to pixels of this size. */
  function browser(width: number, height: number) {
    const close = vi.fn();
    const decodeFile = vi.fn(async () => ({ width, height, close }));
    vi.stubGlobal("createImageBitmap", decodeFile);
    onTestFinished(() => void vi.unstubAllGlobals());
    return { decodeFile, close };
  }

  it("that says the size of its frame is decoded", async () => {
    browser(1, 1);
    expect(await decode({ ...SMALL, data: png(1, 1) })).toMatchObject({ width: 1, height: 1 });
  });

  it("of another size is refused before it takes memory", async () => {
    const { decodeFile } = browser(30_000, 30_000);
    await expect(decode({ ...SMALL, data: png(30_000, 30_000) })).rejects.toMatchObject({
      code: "kcomm.bad_value",
      message: "a frame of 1 x 1 was announced, but 30000 x 30000 came",
    });
    expect(decodeFile).not.toHaveBeenCalled();
  });

  it("that tells no size is refused before it takes memory", async () => {
    const { decodeFile } = browser(1, 1);
    await expect(decode({ ...SMALL, data: new Uint8Array(100) })).rejects.toMatchObject({
      code: "kcomm.bad_value",
      message: "a frame is no png image",
    });
    expect(decodeFile).not.toHaveBeenCalled();
  });

  it("that is to be turned is judged as it comes out", async () => {
    const { close } = browser(2, 1);
    const data = png(1, 2);
    expect(await decode({ ...SMALL, width: 2, data })).toMatchObject({ width: 2, height: 1 });
    await expect(decode({ ...SMALL, height: 2, data })).rejects.toMatchObject({
      code: "kcomm.bad_value",
    });
    expect(close).toHaveBeenCalled();
  });
});

describe("inflate", () => {
  const pixels = Uint8Array.from({ length: 400_000 }, (_, i) => (i * 7) % 251);

  it("gives back what was deflated", async () => {
    expect(await inflate(deflateSync(pixels), pixels.length)).toEqual(
      new Uint8ClampedArray(pixels),
    );
  });

  it.each([
    ["too much", () => deflateSync(pixels), pixels.length - 4],
    ["too little", () => deflateSync(pixels), pixels.length + 4],
    ["a bomb", () => deflateSync(new Uint8Array(50_000_000)), 4],
    ["a torn end", () => deflateSync(pixels).subarray(0, 1000), pixels.length],
    ["something else", () => new Uint8Array([1, 2, 3, 4]), 4],
  ])("refuses %s", async (_, data, size) => {
    await expect(inflate(data(), size)).rejects.toMatchObject({ code: "kcomm.bad_value" });
  });
});

it.each([
  [
    { width: 1280, height: 720 },
    { width: 640, height: 480 },
    { width: 640, height: 360 },
  ],
  [
    { width: 480, height: 640 },
    { width: 640, height: 480 },
    { width: 360, height: 480 },
  ],
  [
    { width: 320, height: 240 },
    { width: 640, height: 480 },
    { width: 320, height: 240 },
  ],
  [
    { width: 4000, height: 1 },
    { width: 100, height: 100 },
    { width: 100, height: 1 },
  ],
])("%o fits into %o as %o", (source, box, expected) => {
  expect(fitInto(source, box)).toEqual(expected);
});

describe("RateMeter", () => {
  it("tells how often something happens, and forgets", () => {
    const meter = new RateMeter(1000);
    expect(meter.rate(0)).toBe(0);
    for (let now = 0; now <= 2000; now += 40) meter.add(now);
    expect(meter.rate(2000)).toBeCloseTo(25);
    expect(meter.rate(2500)).toBeLessThan(15);
    expect(meter.rate(5000)).toBe(0);
  });
});

it("RunningMean begins with the first value and follows the others", () => {
  const mean = new RunningMean(0.5);
  expect(mean.value).toBe(0);
  mean.add(10);
  expect(mean.value).toBe(10);
  mean.add(20);
  expect(mean.value).toBe(15);
});
