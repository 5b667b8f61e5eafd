/** Video, with a decoder that does what the test says: order, losses, failures, and pictures that nobody wants any more. */
import fc from "fast-check";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { type Decoded, FrameDecoder, type FrameDecoderOptions } from "../src/frames/decoder.js";
import { isLossless, readFrame } from "../src/frames/frame.js";
import { release } from "../src/frames/spares.js";
import { VideoStream } from "../src/frames/video.js";
import { fakePage } from "./fakes/page.js";
import { FakeVideoDecoder, type FakeVideoFrame, fakeVideo, pictures } from "./fakes/video.js";
import { fromHex } from "./protocol/helpers.js";
import { cases, type Json, toValue } from "./vectors.js";

beforeEach(() => {
  fakePage();
  fakeVideo();
  pictures.length = 0;
});

/** A start code, a parameter set of profile 66 and level 30, and something else. */
const KEY = Uint8Array.of(0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1e, 0, 0, 1, 0x65, 7);

function key(index: number, more: object = {}) {
  return { index, width: 64, height: 48, codec: "h264", data: KEY, ms: {}, ...more };
}

function delta(index: number, after: number, more: object = {}) {
  return key(index, { data: Uint8Array.of(0, 0, 1, 0x41, index), after, ...more });
}

function setUp(options: FrameDecoderOptions = {}) {
  const decoders: FakeVideoDecoder[] = [];
  const wishes: number[] = [];
  let now = 0;
  const decoder = new FrameDecoder(async () => null, {
    makeVideoDecoder: (init) => {
      const made = new FakeVideoDecoder(init);
      decoders.push(made);
      return made as never;
    },
    onKeyWanted: () => wishes.push(now),
    now: () => now,
    ...options,
  });
  return {
    decoder,
    decoders,
    wishes,
    at: (time: number) => {
      now = time;
    },
  };
}

function outcome(decoded: Decoded): number | string {
  return "error" in decoded ? decoded.error.code : decoded.index;
}

function outcomes(decoder: FrameDecoder, frames: readonly unknown[]) {
  return Promise.all(frames.map(async (frame) => outcome(await decoder.decode(frame))));
}

describe("frames of video", () => {
  it("are told apart from others", () => {
    expect(readFrame(delta(5, 3))).toMatchObject({ after: 3, codec: "h264" });
    expect(readFrame(key(5))).not.toHaveProperty("after");
    expect(isLossless("h264") || isLossless("vp9")).toBe(false);
    expect(isLossless("rgb") && isLossless("grey")).toBe(true);
  });

  it("are decoded while others are, in order, for low delay, as the stream says", async () => {
    const { decoder, decoders, wishes } = setUp();
    const frames = [key(0), delta(1, 0), delta(4, 1), key(5), delta(6, 5)];
    expect(await outcomes(decoder, frames)).toEqual([0, 1, 4, 5, 6]);
    expect(wishes).toEqual([]);
    const [made] = decoders;
    expect(decoders.length).toBe(1);
    expect(made?.configs).toEqual([
      {
        codec: "avc1.42c01e",
        codedWidth: 64,
        codedHeight: 48,
        optimizeForLatency: true,
        hardwareAcceleration: "no-preference",
      },
    ]);
    expect(made?.chunks.map(({ type }) => type)).toEqual(["key", "delta", "delta", "key", "delta"]);
  });

  it("may change their size and codec with a key frame, of the same decoder", async () => {
    const { decoder, decoders } = setUp();
    const vp9 = { codec: "vp9", data: Uint8Array.of(0x82, 0x49, 0x83, 0x42, 0x70) };
    const frames = [key(0), key(1, { width: 32 }), key(2, vp9), delta(3, 2, { codec: "vp9" })];
    expect(await outcomes(decoder, [frames[0]])).toEqual([0]);
    expect(await outcomes(decoder, [frames[1]])).toEqual([1]);
    expect(await outcomes(decoder, frames.slice(2))).toEqual([2, 3]);
    expect(decoders.length).toBe(1);
    expect(decoders[0]?.configs.map(({ codec, codedWidth }) => [codec, codedWidth])).toEqual([
      ["avc1.42c01e", 64],
      ["avc1.42c01e", 32],
      ["vp09.00.51.08", 64],
    ]);
    // 0x70: three bits for BT.601, one for full range.
    const colours = { matrix: "smpte170m", fullRange: true };
    expect(decoders[0]?.configs[2]?.colorSpace).toMatchObject(colours);
  });

  it("of odd sizes are cut", async () => {
    const { decoder } = setUp();
    const decoded = await decoder.decode(key(0, { width: 63, height: 47 }));
    const { pixels } = decoded as { pixels: unknown } as { pixels: FakeVideoFrame };
    expect(pixels.visibleRect).toEqual({ x: 0, y: 0, width: 63, height: 47 });
    expect(pictures.map(({ closed }) => closed)).toEqual([1, 0]);
    release(pixels as unknown as VideoFrame);
    expect(pictures.map(({ closed }) => closed)).toEqual([1, 1]);
  });
});

describe("what is lost or broken", () => {
  it("is passed over until a key frame comes, which is asked for once a second", async () => {
    const { decoder, wishes, at } = setUp();
    expect(await outcomes(decoder, [key(0), delta(2, 1), delta(3, 2)])).toEqual([
      0,
      "kcomm.no_frame",
      "kcomm.no_frame",
    ]);
    at(999);
    expect(await outcomes(decoder, [delta(4, 3)])).toEqual(["kcomm.no_frame"]);
    expect(wishes).toEqual([0]);
    at(1000);
    expect(await outcomes(decoder, [delta(5, 4), key(6), delta(7, 6)])).toEqual([
      "kcomm.no_frame",
      6,
      7,
    ]);
    expect(await outcomes(decoder, [delta(9, 8)])).toEqual(["kcomm.no_frame"]);
    expect(wishes).toEqual([0, 1000, 1000]);
  });

  it("closes the decoder; another one begins with the next key frame", async () => {
    const { decoder, decoders, wishes } = setUp();
    await decoder.decode(key(0));
    const [first] = decoders as [FakeVideoDecoder];
    first.isBroken = (data) => data[4] === 2;
    const frames = [delta(1, 0), delta(2, 1), delta(3, 2), key(4), delta(5, 4)];
    expect(await outcomes(decoder, frames)).toEqual([
      1,
      "kcomm.bad_value",
      "kcomm.no_frame",
      // They were handed in before the error came.
      "kcomm.no_frame",
      "kcomm.no_frame",
    ]);
    expect(wishes.length).toBe(1);
    expect(await outcomes(decoder, [key(6), delta(7, 6)])).toEqual([6, 7]);
    expect(decoders.length).toBe(2);
    first.init.error(new DOMException("It comes late."));
    expect(await outcomes(decoder, [delta(8, 7)])).toEqual([8]);
  });

  it("is what never comes", async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const { decoder, decoders, wishes } = setUp();
    const first = decoder.decode(key(0));
    await vi.advanceTimersByTimeAsync(10);
    expect(outcome(await first)).toBe(0);
    (decoders[0] as FakeVideoDecoder).mute = true;
    const late = outcomes(decoder, [delta(1, 0), delta(2, 1)]);
    await vi.advanceTimersByTimeAsync(3000);
    expect(await late).toEqual(["kcomm.bad_value", "kcomm.no_frame"]);
    expect(decoders[0]?.state).toBe("closed");
    expect(wishes.length).toBe(1);
    const next = decoder.decode(key(3));
    await vi.advanceTimersByTimeAsync(10);
    expect(outcome(await next)).toBe(3);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("is a picture of another size, which is closed", async () => {
    const { decoder, decoders } = setUp();
    await decoder.decode(key(0));
    (decoders[0] as FakeVideoDecoder).size = { width: 66, height: 48 };
    expect(await outcomes(decoder, [delta(1, 0), delta(2, 1)])).toEqual([
      "kcomm.bad_value",
      "kcomm.no_frame",
    ]);
    expect(pictures.map(({ closed }) => closed)).toEqual([0, 1]);
  });

  it("leaves what came before alone, if it shows at once", async () => {
    const { decoder, decoders } = setUp();
    const none = { data: new Uint8Array() };
    const frames = [key(0), delta(1, 0), delta(2, 1, none), delta(3, 2), key(4), delta(5, 4)];
    const codes = ["kcomm.bad_value", "kcomm.no_frame"];
    expect(await outcomes(decoder, frames)).toEqual([0, 1, ...codes, 4, 5]);
    expect(decoders.length).toBe(1);
  });

  it("is all video where the page has no decoder", async () => {
    const { decoder } = setUp({ makeVideoDecoder: undefined as never });
    const decoded = await decoder.decode(key(0));
    expect("error" in decoded && decoded.error.message).toContain("secure");
  });

  it.each([
    ["without data", { data: new Uint8Array() }],
    ["without parameter sets", { data: Uint8Array.of(0, 0, 1, 0x65, 1, 2, 3) }],
    ["with parameter sets that end", { data: KEY.slice(0, 7) }],
  ])("is a key frame %s", async (_, more) => {
    const { decoder } = setUp();
    expect(await outcomes(decoder, [key(0, more), delta(1, 0)])).toEqual([
      "kcomm.bad_value",
      "kcomm.no_frame",
    ]);
  });
});

describe("a view that is closed", () => {
  it("closes the decoder, and the pictures that come yet", async () => {
    const { decoder, decoders, wishes } = setUp();
    await decoder.decode(key(0));
    const [made] = decoders as [FakeVideoDecoder];
    made.mute = true;
    const rest = outcomes(decoder, [delta(1, 0), delta(2, 1)]);
    decoder.close();
    expect(made.state).toBe("closed");
    expect(await rest).toEqual(["kcomm.cancelled", "kcomm.cancelled"]);
    expect(await outcomes(decoder, [key(3)])).toEqual(["kcomm.cancelled"]);
    made.state = "configured"; // A picture was on its way already.
    made.answer({ type: "delta", timestamp: 1000, data: KEY });
    expect(pictures.at(-1)?.closed).toBe(1);
    expect(wishes).toEqual([]);
  });

  it("closes pictures that wait for their turn", async () => {
    const { decoder } = setUp({ engine: undefined as never });
    let answer: (value: unknown) => void = () => undefined;
    const slow = new FrameDecoder(() => new Promise((resolve) => (answer = resolve)), {
      makeVideoDecoder: (init) => new FakeVideoDecoder(init) as never,
    });
    const base = { index: 0, width: 1, height: 1, ms: {}, codec: "delta", base: 9 };
    const both = outcomes(slow, [{ ...base, data: new Uint8Array(8) }, key(1)]);
    await vi.waitFor(() => expect(pictures.length).toBe(1));
    slow.close();
    answer(null);
    expect((await both)[1]).toBe("kcomm.cancelled");
    expect(pictures[0]?.closed).toBe(1);
    decoder.close();
  });
});

it("any losses leave out pictures, and change none", async () => {
  const fates = fc.array(fc.constantFrom("comes", "lost", "twice", "key"), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(fates, async (list) => {
      const { decoder, wishes } = setUp();
      let last: number | null = null;
      const [frames, expected]: [unknown[], (number | string)[]] = [[], []];
      for (const [index, fate] of list.entries()) {
        if (fate === "lost") continue;
        const isKey = fate === "key" || index === 0;
        for (let i = 0; i < (fate === "twice" ? 2 : 1); i++) {
          const fits: boolean = isKey || last === index - 1;
          frames.push(isKey ? key(index) : delta(index, index - 1));
          expected.push(fits ? index : "kcomm.no_frame");
          if (fits) last = index;
        }
      }
      expect(await outcomes(decoder, frames)).toEqual(expected);
      expect(wishes.length > 0).toBe(expected.includes("kcomm.no_frame"));
    }),
    { numRuns: 100 },
  );
});

it("a stream that is closed twice, or has no decoder yet, is closed", () => {
  const stream = new VideoStream(() => {
    throw new Error("none");
  });
  stream.close();
  stream.close();
  expect(stream.waiting).toBe(0);
});

interface Step {
  readonly frame: { readonly [key: string]: Json };
  readonly at?: number;
  readonly error?: string;
  readonly rejected?: boolean;
  readonly wants: number;
}

/** Pixels are looked at in a browser (tests/page/test_video_decoding.py); here, what becomes of each frame. */
describe("video.json", () => {
  for (const { name, steps } of cases<{ readonly steps: readonly Step[] }>("video.json")) {
    it(name, async () => {
      const good = new Map<string, Json>();
      for (const { frame, error } of steps) {
        if (error === undefined) good.set(JSON.stringify(frame.data), frame);
      }
      const data = new Set([...good.keys()].map((text) => JSON.parse(text).$bytes as string));
      const { decoder, wishes, at } = setUp({
        makeVideoDecoder: (init) => {
          const made = new FakeVideoDecoder(init);
          made.size = { width: 34, height: 18 };
          made.isBroken = (given) => ![...data].some((known) => same(fromHex(known), given));
          return made as never;
        },
      });
      for (const step of steps) {
        if (step.at !== undefined) at(step.at);
        const decoding = decoder.decode(toValue(step.frame));
        if (step.rejected) await expect(decoding).rejects.toMatchObject({ code: step.error });
        else expect(outcome(await decoding)).toBe(step.error ?? step.frame.index);
        expect(wishes.length).toBe(step.wants);
      }
    });
  }
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
