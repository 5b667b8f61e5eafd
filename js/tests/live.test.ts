import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Channel } from "../src/channel.js";
import { FrameDecoder } from "../src/frames/decoder.js";
import type { Capture } from "../src/live/capture.js";
import type { LoopView } from "../src/live/loop.js";
import { Reporter } from "../src/live/reporting.js";
import { Sender } from "../src/live/sending.js";
import { Receiver } from "../src/live/showing.js";
import { readInfo } from "../src/live/state.js";
import { FakeCapture } from "./fakes/capture.js";
import { loop, until } from "./fakes/loop.js";
import { fakeCamera, fakePage } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe("the sender", () => {
  it("puts no frame behind one that the kernel did not take", async () => {
    const capture = new FakeCapture();
    const sender = new Sender(readInfo({ fps: 1000 }), {
      visible: async () => {},
      isVisible: true,
    });
    const over = new AbortController();
    const pipe = sender.stream(over.signal)[Symbol.asyncIterator]();
    void sender.run(capture as unknown as Capture, over.signal);
    const timer = setInterval(() => capture.present(performance.now()), 1);
    try {
      await until(() => sender.pacer.underWay === 1);
      sender.pacer.clear(); // As if it counted as lost.
      sender.wake();
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(capture.asked).toHaveLength(1);
      expect((await pipe.next()).value).toMatchObject({ index: 0 });
      await until(() => capture.asked.length > 1);
    } finally {
      clearInterval(timer);
      over.abort();
    }
  });
});

it("gives the picture of a source back whose result is none", async () => {
  const release = vi.fn();
  const frame = { index: 1, width: 2, height: 1, codec: "raw", data: new Uint8Array(8) };
  const pixels = { close: release } as unknown as ImageBitmap;
  const decoded = { ...frame, lossless: true, bytes: 8, ms: {}, pixels };
  const { decode } = FrameDecoder.prototype;
  vi.spyOn(FrameDecoder.prototype, "decode").mockImplementation(function (
    this: FrameDecoder,
    value,
  ) {
    return value === frame ? Promise.resolve(decoded) : decode.call(this, value);
  });
  const hearer = { came: vi.fn(), missed: vi.fn(), failed: vi.fn() };
  const receiver = new Receiver({} as Channel, {} as LoopView, hearer);
  const taking = receiver.take({ input: frame });
  await expect(taking).rejects.toMatchObject({ code: "kcomm.bad_value" });
  expect(release).toHaveBeenCalledOnce();
});

it("figures tell of no stage that is gone", () => {
  const reporter = new Reporter(
    () => {},
    () => {},
  );
  const painted = { codec: "raw", width: 1, height: 1, show: 0, paint: 0, delay: 1 };
  reporter.painted(painted, { slow: 100, encode: 1 });
  reporter.painted(painted, { quick: 1, encode: 1 });
  reporter.now();
  expect(Object.keys(reporter.state.ms).sort()).toEqual(["encode", "quick"]);
});

describe("the loop", () => {
  it("asks for no camera before it is told to", async () => {
    const { webcam, states } = await loop();
    expect(webcam.state.state).toBe("idle");
    expect(states).toEqual([]);
  });

  it("sends frames, paints results, and tells how it goes", async () => {
    const { webcam, frames, painted, states, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 5);
    expect(painted.slice(0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(frames[0]).toMatchObject({ index: 0, width: 4, height: 2, codec: "h264" });
    expect(frames[0]).toMatchObject({ ms: { capture: 1, encode: 2 } });
    expect(frames.map(({ after }) => after)).toEqual([undefined, ...frames.keys()].slice(0, -1));
    webcam.pause();
    await until(() => states.at(-1)?.state === "paused");
    expect(states.at(-1)).toMatchObject({ device: "Fake camera", error: null, dropped: 0 });
  });

  it("sends nothing while it is paused, and goes on", async () => {
    const { webcam, frames, painted, track, film } = await loop();
    webcam.control({ action: "start" });
    await film(() => painted.length > 3);
    webcam.control({ action: "pause" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    const { length } = frames;
    let pictures = 0;
    await film(() => ++pictures > 2);
    expect(frames).toHaveLength(length);
    expect(track.readyState).toBe("live");
    webcam.control({ action: "start" });
    await film(() => frames.length > length + 2);
    webcam.control({ action: "stop" });
    expect(track.readyState).toBe("ended");
    expect(webcam.state.state).toBe("idle");
  });

  it("sends one exact frame when it pauses, and a key frame when it goes on", async () => {
    const { webcam, frames, stills, painted, captures, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.pause();
    await film(() => stills.length > 0);
    const last = frames.at(-1)?.index ?? 0;
    expect(stills[0]).toMatchObject({ index: last + 1, codec: "rgb" });
    expect(captures[0]?.asked.at(-1)).toMatchObject({ codecs: ["rgb"] });
    await until(() => painted.at(-1) === last + 1);
    const { length } = frames;
    await webcam.start();
    await film(() => frames.length > length);
    expect(frames[length]).toMatchObject({ index: last + 2, codec: "h264" });
    expect(frames[length]).not.toHaveProperty("after");
  });

  it("sends nothing while nobody sees it", async () => {
    const { webcam, frames, states, painted, film, show } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    show(false);
    let pictures = 0;
    await film(() => ++pictures > 5);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const counts = [frames.length, states.length];
    await film(() => ++pictures > 15);
    expect([frames.length, states.length]).toEqual(counts);
    show(true);
    await film(() => frames.length > (counts[0] as number) + 2);
  });

  it("sends nothing without a connection, and a key frame once it is there again", async () => {
    const { webcam, frames, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.reach(false);
    let pictures = 0;
    await film(() => ++pictures > 5);
    const { length } = frames;
    await film(() => ++pictures > 15);
    expect(frames).toHaveLength(length);
    webcam.reach(true);
    await film(() => frames.length > length + 2);
    expect(frames[length]).not.toHaveProperty("after");
    expect(frames[length + 1]).toHaveProperty("after");
  });

  it("sends a key frame when the kernel wants one", async () => {
    const { webcam, kernel, frames, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    const { length } = frames;
    kernel.emit("key");
    await film(() => frames.slice(length).some(({ after }) => after === undefined));
  });

  it("does what Python says", async () => {
    const { webcam, captures, frames, painted, states, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.control({ action: "size", value: [2, 2] });
    webcam.control({ action: "show", value: "overlay" });
    webcam.control({ action: "opacity", value: 0.25 });
    webcam.control({ action: "mirror", value: true });
    webcam.control({ action: "byte_rate", value: 5000 });
    const { length } = frames;
    await film(() => frames.length > length + 2);
    expect(captures[0]?.asked.at(-1)?.box.width).toBeLessThanOrEqual(2);
    expect(webcam.settings).toEqual({ show: "overlay", opacity: 0.25, mirror: true });
    expect(webcam.info.byteRate).toBe(5000);
    await until(() => states.at(-1)?.show === "overlay");
    webcam.control({ action: "byte_rate", value: null });
    expect(webcam.info.byteRate).toBeNull();
  });

  it("leaves a camera of the kernel to the kernel", async () => {
    const { webcam, commands, states } = await loop({ source: "a file" });
    fakeCamera(() => Promise.reject(new Error("asked")));
    await webcam.start();
    webcam.pause();
    webcam.stop();
    await until(() => commands.length === 3);
    expect(commands).toEqual(["start", "pause", "stop"].map((action) => ({ action })));
    expect(webcam.state.state).toBe("idle");
    webcam.control({ action: "start" });
    await until(() => states.at(-1)?.state === "running");
    expect(webcam.size).toBeNull();
  });

  it("tells why nothing can be encoded", async () => {
    const { webcam, captures, track } = await loop();
    await webcam.start();
    await until(() => captures[0]?.asked.length === 1);
    captures[0]?.fail("no codec");
    await until(() => webcam.state.state === "idle");
    expect(webcam.state.error?.code).toBe("kcomm.camera_failed");
    expect(track.readyState).toBe("ended");
  });

  it("shows what a frame failed with", async () => {
    const { webcam, failing, film } = await loop();
    for (let i = 0; i < 1000; i++) failing.add(i);
    await webcam.start();
    await film(() => webcam.state.error?.code === "x.y");
    expect(webcam.state.state).toBe("running");
  });

  it("goes on after frames that failed", async () => {
    const { webcam, painted, failing, film } = await loop();
    failing.add(1).add(2);
    await webcam.start();
    await film(() => painted.length > 3);
    expect(painted).not.toContain(1);
    expect(webcam.state).toMatchObject({ error: null, dropped: 2 });
  });

  it("tells the kernel why there is no camera", async () => {
    const { webcam, states } = await loop();
    fakeCamera(async () => {
      throw Object.assign(new Error(), { name: "NotAllowedError" });
    });
    await webcam.start();
    await until(() => states.at(-1)?.error?.code === "kcomm.camera_denied");
    expect(webcam.state.state).toBe("idle");
    expect(webcam.starting).toBe(false);
  });

  it("notices that the camera was unplugged", async () => {
    const { webcam, track } = await loop();
    await webcam.start();
    track.dispatchEvent(new Event("ended"));
    expect(webcam.state).toMatchObject({ state: "idle", error: { code: "kcomm.camera_lost" } });
  });

  it("neither paints nor tells of what comes after its end", async () => {
    const { webcam, painted, track, kernel, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    const { length } = painted;
    const decoding = vi.spyOn(FrameDecoder.prototype, "decode").mockImplementation(async () => {
      track.dispatchEvent(new Event("ended"));
      const error = { index: 99, code: "kcomm.cancelled", message: "the view was closed" };
      return { index: 99, error };
    });
    await film(() => decoding.mock.calls.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(webcam.state).toMatchObject({ dropped: 0, error: { code: "kcomm.camera_lost" } });
    expect(painted).toHaveLength(length);
    decoding.mockRestore();
    kernel.close();
  });

  it("takes no picture that is older than its start", async () => {
    const { webcam, captures, painted, film } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    webcam.pause();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const again = performance.now();
    await webcam.start();
    await until(() => captures[0]?.asked.at(-1)?.codecs[0] !== "rgb");
    expect(captures[0]?.asked.at(-1)?.notBefore).toBeGreaterThanOrEqual(again);
  });

  it("sends nothing that was taken before, and hidden since", async () => {
    const { webcam, captures, frames, painted, film, show } = await loop();
    await webcam.start();
    await film(() => painted.length > 3);
    await until(() => captures[0]?.isWanted === true);
    const { length } = frames;
    show(false);
    captures[0]?.present(performance.now() + 1000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(frames).toHaveLength(length);
    show(true);
    await film(() => frames.length > length);
    expect(frames[length]).not.toHaveProperty("after"); // The kernel lacks the one before.
  });

  it("gives the camera back with its channel", async () => {
    const { webcam, kernel, channel, track } = await loop({ state: "running" });
    await until(() => webcam.state.state === "running");
    kernel.close();
    await channel.closed;
    webcam.detach();
    expect(track.readyState).toBe("ended");
    expect(webcam.state).toMatchObject({ state: "idle", error: null });
  });

  it("says that the camera is off before its view goes", async () => {
    const { webcam, states } = await loop();
    await webcam.start();
    await until(() => states.at(-1)?.state === "running");
    webcam.detach();
    await until(() => states.at(-1)?.state === "idle");
  });
});

it("readInfo fills in what is missing or senseless", () => {
  const base = readInfo({});
  expect(base).toMatchObject({ width: 640, height: 480, fps: 30, state: "idle", source: null });
  expect(base).toMatchObject({ show: "result", opacity: 0.5, codecs: ["jpeg"], byteRate: null });
  expect(readInfo({ width: -1, quality: 7, state: "asleep", show: 3, opacity: 2 })).toEqual({
    ...base,
    quality: 1,
  });
  const limited = readInfo({ byte_rate: 1000 });
  expect(limited.byteRate).toBe(1000);
  expect(readInfo({}, limited).byteRate).toBe(1000);
  expect(readInfo({ byte_rate: null }, limited).byteRate).toBeNull();
  expect(() => readInfo(null)).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
});
