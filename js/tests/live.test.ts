import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { acceptChannel, openChannel } from "../src/channel.js";
import { Camera } from "../src/live/camera.js";
import { WebcamLoop } from "../src/live/loop.js";
import { readInfo, type State } from "../src/live/state.js";
import { MemoryLink } from "../src/transport/memory.js";
import { FakeTrack, FakeVideo, fakeCamera, fakePage, fakeStream } from "./fakes/page.js";

beforeEach(fakePage);
afterEach(() => vi.unstubAllGlobals());

const REQUEST = { width: 640, height: 480, fps: 30, device: null };
const never = new AbortController().signal;
const until = (condition: () => boolean) => vi.waitFor(() => expect(condition()).toBe(true));

function open(onEnded = () => {}) {
  const video = new FakeVideo();
  const camera = Camera.open(video as unknown as HTMLVideoElement, REQUEST, onEnded);
  return { video, camera };
}

describe("the camera", () => {
  it.each([
    ["NotAllowedError", "kcomm.camera_denied"],
    ["SecurityError", "kcomm.camera_denied"],
    ["NotFoundError", "kcomm.camera_missing"],
    ["OverconstrainedError", "kcomm.camera_missing"],
    ["NotReadableError", "kcomm.camera_busy"],
    ["TypeError", "kcomm.camera_failed"],
  ])("that fails with %s is %s", async (name, code) => {
    fakeCamera(async () => {
      throw Object.assign(new Error("no"), { name });
    });
    await expect(open().camera).rejects.toMatchObject({ code });
  });

  it("is not to be had on an insecure page", async () => {
    fakeCamera(async () => fakeStream([]), false);
    await expect(open().camera).rejects.toMatchObject({ code: "kcomm.camera_insecure" });
  });

  it("gives each picture once, and none too early", async () => {
    fakeCamera(async () => fakeStream([new FakeTrack()]));
    const { video, camera: opening } = open();
    const camera = await opening;
    video.present(100);
    expect(await camera.next(33, never)).toBe(100);
    const taken = camera.next(33, never);
    for (const now of [110, 120, 130, 140]) {
      video.present(now);
      await Promise.resolve();
    }
    expect(await taken).toBe(130);
  });

  it("is given back, and wakes who waits for it", async () => {
    const track = new FakeTrack();
    fakeCamera(async () => fakeStream([track]));
    const { video, camera: opening } = open();
    const camera = await opening;
    const waiting = camera.next(33, never);
    camera.stop();
    expect(await waiting).toBeNull();
    expect(track.readyState).toBe("ended");
    expect(video.srcObject).toBeNull();
  });
});

/** A loop, and a kernel that gives each camera frame back as two grey pixels. */
async function loop(info: object = {}) {
  const track = new FakeTrack();
  fakeCamera(async () => fakeStream([track]));
  const { a, b } = new MemoryLink();
  const [kernel, channel] = await Promise.all([acceptChannel(b), openChannel(a)]);
  const states: State[] = [];
  const frames: { index: number; captured: number }[] = [];
  const failing = new Set<number>();
  kernel.handle("info", () => ({ width: 4, height: 4, fps: 1000, quality: 0.5, ...info }));
  kernel.on("state", (state: State) => states.push(state));
  kernel.handleStream("results", async function* () {
    for await (const item of kernel.stream("camera", [{}], { window: 2 })) {
      const frame = item as { index: number; captured: number };
      frames.push(frame);
      const { index, captured } = frame;
      if (failing.has(index)) yield { index, error: { code: "x.y", message: "no" } };
      else
        yield {
          index,
          captured,
          width: 2,
          height: 1,
          codec: "raw",
          data: new Uint8Array(8),
          ms: {},
        };
    }
  });
  const video = new FakeVideo();
  const painted: number[] = [];
  const webcam = new WebcamLoop({
    video: video as unknown as HTMLVideoElement,
    paint: (_, index) => painted.push(index),
    changed: () => {},
    visible: async () => {},
  });
  await webcam.attach(channel);
  /** Pictures come, until the condition holds. */
  const film = async (condition: () => boolean) => {
    const timer = setInterval(() => video.present(performance.now()), 2);
    try {
      await until(condition);
    } finally {
      clearInterval(timer);
    }
  };
  return { webcam, channel, kernel, track, states, frames, painted, failing, film };
}

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
    expect(frames[0]).toMatchObject({ index: 0, width: 4, height: 2, codec: "jpeg" });
    expect(frames[0]).toMatchObject({ ms: { capture: expect.any(Number) } });
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
    expect(webcam.state).toMatchObject({ state: "idle", error: { code: "kcomm.camera_missing" } });
  });

  it("gives a camera back that came too late", async () => {
    const { webcam, track } = await loop();
    let permit = (_: unknown) => {};
    fakeCamera(() => new Promise((resolve) => (permit = resolve)));
    const starting = webcam.start();
    webcam.stop();
    permit(fakeStream([track]));
    await starting;
    expect(track.readyState).toBe("ended");
    expect(webcam.state.state).toBe("idle");
  });

  it("gives the camera back with its channel", async () => {
    const { webcam, kernel, channel, track } = await loop({ state: "running" });
    expect(webcam.state.state).toBe("running");
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
  expect(base).toEqual({
    width: 640,
    height: 480,
    fps: 30,
    state: "idle",
    mirror: false,
    quality: 0.8,
  });
  expect(readInfo({ width: -1, quality: 7, state: "asleep" })).toEqual({ ...base, quality: 1 });
  expect(() => readInfo(null)).toThrow(expect.objectContaining({ code: "kcomm.bad_value" }));
});
